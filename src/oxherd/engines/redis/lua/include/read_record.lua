-- Reads a job's hash.
-- include fields
local children_order, attempts_started = field.children_order, field.attempts_started
local deferred_failure = field.deferred_failure

-- Names and values in turn, and then the id; how often the job was started, and whether it is to
-- fail without running. A listed id without a record is dropped; so is one whose key is no hash.
local function read_record(base, id)
  local record = redis.pcall("HGETALL", base .. id)
  local size = #record
  if record.err or size == 0 then
    return nil
  end
  local started, is_doomed = "0", false
  for at = 1, size, 2 do
    local name = record[at]
    if name == attempts_started then
      started = record[at + 1]
    elseif name == deferred_failure then
      is_doomed = true
    elseif name == children_order then
      -- Of no use to whoever reads the job, and as long as it has children.
      record[at + 1] = ""
    end
  end
  record[size + 1] = id
  return record, tonumber(started) or 0, is_doomed
end
