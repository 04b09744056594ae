-- Gives a job another priority; a ready one goes behind its equals, with `lifo` in front.
-- Refuses: missing.
-- Emits: nothing.
local base = KEYS[1]
local nonce = ARGV[1]
local id = ARGV[2]
local priority = tonumber(ARGV[3])
local lifo = tonumber(ARGV[4])
-- include enqueue
-- include repeated
local answer = recall(base, nonce)
if answer then
  return answer
end
if redis.call("EXISTS", base .. id) == 0 then
  return "missing"
end
if redis.call("ZREM", base .. key.prioritized, id) == 1
  or redis.call("LREM", base .. key.waiting, -1, id) == 1
  or redis.call("LREM", base .. key.legacy_paused, -1, id) == 1 then
  line_up(queue_at(base), id, priority, lifo == 1 and "front" or "back")
end
redis.call("HSET", base .. id, field.priority, priority)
remember(base, nonce, "ok")
wake_queues()
return "ok"
