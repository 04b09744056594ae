-- Adds the jobs that follow some that were just claimed.
-- Refuses each: changed when its schedule waits for another job, taken when another has the id.
-- Emits: added, delayed or waiting.
local base = KEYS[1]
local nonce = ARGV[1]
local now = tonumber(ARGV[2])
local items = cmsgpack.unpack(ARGV[3])
-- include repeated
-- include add_scheduled
local answers = recall(base, nonce)
if answers then
  return answers
end
answers = {}
local queue = queue_at(base)
for index, item in ipairs(items) do
  local schedule_id, known_score, job = item[1], item[2], item[3]
  if redis.call("ZSCORE", base .. key.schedulers, schedule_id) ~= known_score then
    answers[index] = "changed"
  elseif redis.call("EXISTS", base .. job.id) == 1 then
    answers[index] = "taken"
  else
    redis.call("HINCRBY", base .. key.scheduler .. schedule_id, count_field, 1)
    note_event_cap(queue)
    add_scheduled(queue, schedule_id, job, now)
    answers[index] = "ok"
  end
end
remember(base, nonce, answers)
wake_queues()
return answers
