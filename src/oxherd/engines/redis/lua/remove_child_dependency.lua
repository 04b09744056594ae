-- Unlinks a job from one of its parents, which is released if nothing else is pending.
-- Refuses: missing (the job), parent-missing; unrelated when that parent does not wait for it.
-- Emits: the parent's waiting or delayed.
local base = KEYS[1]
local clock = ARGV[1]
local nonce = ARGV[2]
local id = ARGV[3]
local parent_key = ARGV[4]
-- include time
-- include repeated
-- include settle_parent
-- include unlink
local answer = recall(base, nonce)
if answer then
  return answer
end
if redis.call("EXISTS", base .. id) == 0 then
  return "missing"
end
if redis.call("EXISTS", parent_key) == 0 then
  return "parent-missing"
end
if redis.call("SREM", parent_key .. part.dependencies, base .. id) == 0 then
  return "unrelated"
end
unlink(base .. id, parent_key)
release_parent_if_done(parent_key, time_of(clock))
remember(base, nonce, "ok")
wake_queues()
return "ok"
