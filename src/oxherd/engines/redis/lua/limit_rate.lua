-- Gives the queue a rate limit; 0 lifts it.
-- Refuses nothing.
-- Emits: nothing.
local base = KEYS[1]
local max = tonumber(ARGV[1])
local duration = tonumber(ARGV[2])
-- include wake_after_change
if max > 0 then
  redis.call("HSET", base .. key.meta, setting.max, max, setting.duration, duration)
  note_event_cap(queue_at(base))
else
  redis.call("HDEL", base .. key.meta, setting.max, setting.duration)
end
wake_after_change(base)
return "ok"
