-- Reads the records of jobs.
-- Refuses nothing; nothing for a job that does not exist.
-- Emits: nothing.
local base = KEYS[1]
local ids = cmsgpack.unpack(ARGV[1])
-- include read_record
local records = {}
for index, id in ipairs(ids) do
  local record = read_record(base, id)
  if record then
    record[#record + 1] = id
  end
  records[index] = record or false
end
return records
