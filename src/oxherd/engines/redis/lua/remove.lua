-- Removes jobs, children before parents, and unlinks those that stay; nothing while one of
-- `unlocked` is locked, or the first of them is the next job of a schedule.
-- Refuses: locked KEY, scheduled. Emits: the other parents' waiting or delayed, removed.
local base = KEYS[1]
local clock = ARGV[1]
local nonce = ARGV[2]
local unlocked = cmsgpack.unpack(ARGV[3])
local unlinks = cmsgpack.unpack(ARGV[4])
local removals = cmsgpack.unpack(ARGV[5])
-- include time
-- include repeated
-- include scheduled
-- include remove_many
local answer = recall(base, nonce)
if answer then
  return answer
end
local locked = locked_among(unlocked)
if locked then
  return "locked " .. locked
end
if is_next_of_schedule(base, string.sub(unlocked[1], #base + 1)) then
  return "scheduled"
end
unlink_many(unlinks)
remove_many(removals, time_of(clock))
remember(base, nonce, "ok")
wake_queues()
return "ok"
