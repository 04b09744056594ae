-- Makes delayed jobs ready now.
-- Refuses: missing, wrong-state STATE.
-- Emits: waiting.
local base = KEYS[1]
local nonce = ARGV[1]
local ids = cmsgpack.unpack(ARGV[2])
-- include state
-- include enqueue
-- include repeated
local answers = recall(base, nonce)
if answers then
  return answers
end
answers = {}
local queue = queue_at(base)
for index, id in ipairs(ids) do
  local job_key = base .. id
  if redis.call("EXISTS", job_key) == 0 then
    answers[index] = "missing"
  elseif redis.call("ZREM", base .. key.delayed, id) == 0 then
    answers[index] = "wrong-state " .. state_of(base, id)
  else
    make_ready(queue, id, redis.call("HGET", job_key, field.priority), "back", "delayed")
    redis.call("HSET", job_key, field.delay, 0)
    answers[index] = "ok"
  end
end
remember(base, nonce, answers)
wake_queues()
return answers
