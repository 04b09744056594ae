-- Reads the records of jobs.
-- Refuses nothing; nothing for a job that does not exist.
-- Emits: nothing.
local base = KEYS[1]
local ids = cmsgpack.unpack(ARGV[1])
-- include read_record
local records = {}
for index, id in ipairs(ids) do
  records[index] = read_record(base, id) or false
end
return records
