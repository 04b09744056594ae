-- Counts the jobs of each state, at one moment.
-- Refuses nothing.
-- Emits: nothing. Answers the counts in the order of the names that it is given.
local base = KEYS[1]
local structures = cmsgpack.unpack(ARGV[1])
-- include keys
local counts = {}
for index, name in ipairs(structures) do
  if name == key.waiting then
    counts[index] = redis.call("LLEN", base .. name)
      + redis.call("LLEN", base .. key.legacy_paused)
  elseif name == key.active then
    counts[index] = redis.call("LLEN", base .. name)
  else
    counts[index] = redis.call("ZCARD", base .. name)
  end
end
return counts
