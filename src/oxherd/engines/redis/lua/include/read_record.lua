-- Reads a job's hash.
-- include fields
-- include put

-- Names and values in turn, later ones in place of earlier ones; whoever calls adds the id.
-- A listed id without a record is dropped; so is one whose key is not a hash.
local function read_record(base, id)
  local record = redis.pcall("HGETALL", base .. id)
  if record.err or #record == 0 then
    return nil
  end
  for at = 1, #record, 2 do
    if record[at] == field.children_order then
      -- Of no use to whoever reads the job, and as long as it has children.
      record[at + 1] = ""
    end
  end
  return record
end
