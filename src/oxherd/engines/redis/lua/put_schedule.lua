-- Stores or replaces a schedule, and adds its next job, in the place of the pending one.
-- Refuses: changed when what was read of it is old, taken when another job has the id.
-- Emits: added, delayed or waiting.
local base = KEYS[1]
local version = ARGV[1]
local nonce = ARGV[2]
local id = ARGV[3]
local known_score = ARGV[4]
local known_pending = tonumber(ARGV[5])
local now = tonumber(ARGV[6])
local definition = cmsgpack.unpack(ARGV[7])
local job = cmsgpack.unpack(ARGV[8])
-- include repeated
-- include erase
-- include add_scheduled
local answer = recall(base, nonce)
if answer then
  return answer
end
local score = redis.call("ZSCORE", base .. key.schedulers, id)
local pending_in = score and pending_state(base, scheduled_id(id, score))
if (score or "") ~= known_score or (pending_in and 1 or 0) ~= known_pending then
  return "changed"
end
local queue = queue_at(base)
local replaced = pending_in and scheduled_id(id, score)
if job.id ~= replaced and redis.call("EXISTS", base .. job.id) == 1 then
  return "taken"
end
if replaced then
  erase(queue, pending_in, replaced, none_going, now)
end
redis.call("DEL", base .. key.scheduler .. id)
redis.call("HSET", base .. key.scheduler .. id, unpack(definition))
note_settings(queue, version)
add_scheduled(queue, id, job, now)
remember(base, nonce, "ok")
wake_queues()
return "ok"
