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
-- Lists are pushed on the left: their order of age is from right to left.
local function part_of_list(name, from, to)
  if ascending == 0 then
    return redis.call("LRANGE", base .. name, from, to)
  end
  local ids = redis.call("LRANGE", base .. name, -to - 1, -from - 1)
  local turned = {}
  for index = #ids, 1, -1 do
    turned[#turned + 1] = ids[index]
  end
  return turned
end

-- What an older client's pause put aside goes on the right of what waits.
local function ids_of_lists(left, right)
  local names = ascending == 1 and { right, left } or { left, right }
  local lengths = { redis.call("LLEN", base .. names[1]), redis.call("LLEN", base .. names[2]) }
  local total = lengths[1] + lengths[2]
  local from = first < 0 and math.max(0, total + first) or first
  local to = math.min(last < 0 and total + last or last, total - 1)
  local ids, before = {}, 0
  for at, name in ipairs(names) do
    local low, high = math.max(from - before, 0), math.min(to - before, lengths[at] - 1)
    for _, id in ipairs(low <= high and part_of_list(name, low, high) or {}) do
      ids[#ids + 1] = id
    end
    before = before + lengths[at]
  end
  return ids
end

local function ids_of()
  if structure == key.waiting then
    return ids_of_lists(key.waiting, key.legacy_paused)
  elseif structure == key.active then
    return part_of_list(structure, first, last)
  elseif ascending == 1 then
    return redis.call("ZRANGE", base .. structure, first, last)
  end
  return redis.call("ZRANGE", base .. structure, first, last, "REV")
end

local jobs = {}
for _, id in ipairs(ids_of()) do
  jobs[#jobs + 1] = read_record(base, id)
end
return jobs
