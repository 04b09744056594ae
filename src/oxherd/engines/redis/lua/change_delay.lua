-- Makes a delayed job due so long from now.
-- Refuses: missing, wrong-state STATE.
-- Emits: delayed.
local base = KEYS[1]
local clock = ARGV[1]
local nonce = ARGV[2]
local id = ARGV[3]
local delay = tonumber(ARGV[4])
-- include time
-- include state
-- include enqueue
-- include repeated
local answer = recall(base, nonce)
if answer then
  return answer
end
if redis.call("EXISTS", base .. id) == 0 then
  return "missing"
end
if redis.call("ZREM", base .. key.delayed, id) == 0 then
  return "wrong-state " .. state_of(base, id)
end
redis.call("HSET", base .. id, field.delay, delay)
make_delayed(queue_at(base), id, time_of(clock) + delay)
remember(base, nonce, "ok")
wake_queues()
return "ok"
