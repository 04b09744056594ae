-- Removes children that are pending, those below first, and unlinks those that stay; nothing
-- while one of `unlocked` is locked. The parent is released if nothing else is pending.
-- Refuses: missing, locked KEY. Emits: removed, the parents' waiting or delayed.
local base = KEYS[1]
local clock = ARGV[1]
local nonce = ARGV[2]
local id = ARGV[3]
local unlocked = cmsgpack.unpack(ARGV[4])
local unlinks = cmsgpack.unpack(ARGV[5])
local removals = cmsgpack.unpack(ARGV[6])
-- include time
-- include repeated
-- include remove_many
-- include children_of
-- include unlink
local answer = recall(base, nonce)
if answer then
  return answer
end
if redis.call("EXISTS", base .. id) == 0 then
  return "missing"
end
local locked = locked_among(unlocked)
if locked then
  return "locked " .. locked
end
local now = time_of(clock)
unlink_many(unlinks)
for _, removal in ipairs(removals) do
  -- Those that have ended stay, and forget it.
  for _, child_key in ipairs(children_of(removal[1])) do
    unlink(child_key, removal[1])
  end
end
remove_many(removals, now)
release_parent_if_done(base .. id, now)
remember(base, nonce, "ok")
wake_queues()
return "ok"
