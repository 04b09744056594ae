-- Lets at most so many jobs be active at once; 0 lifts the limit.
-- Refuses nothing.
-- Emits: nothing.
local base = KEYS[1]
local most = tonumber(ARGV[1])
-- include wake_after_change
if most > 0 then
  redis.call("HSET", base .. key.meta, setting.concurrency, most)
  note_event_cap(queue_at(base))
else
  redis.call("HDEL", base .. key.meta, setting.concurrency)
end
wake_after_change(base)
return "ok"
