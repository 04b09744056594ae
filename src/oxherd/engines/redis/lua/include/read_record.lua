-- Reads the fields of a job that make its record.
-- include fields

-- A listed id without a record is dropped; so is one whose key is not a hash.
local function read_record(base, id)
  local record = redis.pcall("HMGET", base .. id, unpack(record_fields))
  if record.err then
    return nil
  end
  if not record[1] and redis.call("EXISTS", base .. id) == 0 then
    return nil
  end
  return record
end
