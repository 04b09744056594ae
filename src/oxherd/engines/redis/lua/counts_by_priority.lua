-- Counts the ready jobs of some priorities; those without one wait.
-- Refuses nothing.
-- Emits: nothing.
local base = KEYS[1]
local priorities = cmsgpack.unpack(ARGV[1])
-- include enqueue
local counts = {}
for index, priority in ipairs(priorities) do
  if priority == 0 then
    counts[index] = redis.call("LLEN", base .. key.waiting)
      + redis.call("LLEN", base .. key.legacy_paused)
  else
    counts[index] = redis.call("ZCOUNT", base .. key.prioritized, priority * priority_step,
      (priority + 1) * priority_step - 1)
  end
end
return counts
