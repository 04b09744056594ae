-- Counts the jobs of each state, at one moment.
-- Refuses nothing.
-- Emits: nothing. Answers the counts in the order of the names that it is given.
local base = KEYS[1]
local structures = cmsgpack.unpack(ARGV[1])
-- include keys
local function length_of(name)
  local length = redis.call("LLEN", base .. name)
  local next_id = redis.call("LINDEX", base .. name, -1)
  -- An old marker is no job.
  return next_id and string.sub(next_id, 1, 2) == "0:" and length - 1 or length
end

local counts = {}
for index, name in ipairs(structures) do
  if name == key.waiting then
    counts[index] = length_of(name) + length_of(key.legacy_paused)
  elseif name == key.active then
    counts[index] = redis.call("LLEN", base .. name)
  else
    counts[index] = redis.call("ZCARD", base .. name)
  end
end
return counts
