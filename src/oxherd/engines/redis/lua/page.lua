-- Reads jobs of one state by rank, next to run or longest there first.
-- Refuses nothing; a listed id without a record is passed over.
-- Emits: nothing.
local base = KEYS[1]
local structure = ARGV[1]
local first = tonumber(ARGV[2])
local last = tonumber(ARGV[3])
local ascending = tonumber(ARGV[4])
-- include keys
-- include read_record
local is_list = structure == key.waiting or structure == key.active

-- Lists are pushed on the left: their order of age is from right to left.
local function list_ids(name, from, to)
  if ascending == 1 then
    local ids = redis.call("LRANGE", base .. name, -to - 1, -from - 1)
    local turned = {}
    for index = #ids, 1, -1 do
      turned[#turned + 1] = ids[index]
    end
    return turned
  end
  return redis.call("LRANGE", base .. name, from, to)
end

local function ids_of()
  if is_list then
    return list_ids(structure, first, last)
  elseif ascending == 1 then
    return redis.call("ZRANGE", base .. structure, first, last)
  end
  return redis.call("ZRANGE", base .. structure, first, last, "REV")
end

local jobs = {}
for _, id in ipairs(ids_of()) do
  local record = read_record(base, id)
  if record then
    record[#record_fields + 1] = id
    jobs[#jobs + 1] = record
  end
end
return jobs
