-- Removes a schedule with its delayed job; one that is ready or active stays.
-- Refuses nothing; answers whether there was one.
-- Emits: removed.
local base = KEYS[1]
local clock = ARGV[1]
local nonce = ARGV[2]
local id = ARGV[3]
-- include time
-- include repeated
-- include erase
local answer = recall(base, nonce)
if answer then
  return answer
end
local score = redis.call("ZSCORE", base .. key.schedulers, id)
if not score then
  return 0
end
local queue = queue_at(base)
local job_id = scheduled_id(id, score)
if erase(queue, key.delayed, job_id, none_going, time_of(clock)) then
  emit(queue, "removed", "jobId", job_id, "prev", key.delayed)
end
redis.call("ZREM", base .. key.schedulers, id)
redis.call("DEL", base .. key.scheduler .. id)
remember(base, nonce, 1)
wake_queues()
return 1
