-- Reads what is known of some schedules, and the time.
-- Refuses nothing; nothing for one that is not there.
-- Emits: nothing. Answers {time, {when, whether its next job waits to be claimed, its fields}, …}.
local base = KEYS[1]
local clock = ARGV[1]
local ids = cmsgpack.unpack(ARGV[2])
-- include time
-- include add_scheduled
local answer = { time_of(clock) }
for index, id in ipairs(ids) do
  local score = redis.call("ZSCORE", base .. key.schedulers, id)
  answer[index + 1] = score and {
    score, pending_state(base, scheduled_id(id, score)) and 1 or 0,
    redis.call("HGETALL", base .. key.scheduler .. id),
  } or {}
end
return answer
