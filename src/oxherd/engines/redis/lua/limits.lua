-- Reads what holds a queue back.
-- Refuses nothing.
-- Emits: nothing. Answers {concurrency, max, duration, tokens used, how long they count}.
local base = KEYS[1]
-- include keys
-- include fields
local found = redis.call("HMGET", base .. key.meta, setting.concurrency, setting.max,
  setting.duration)
return {
  found[1] or "", found[2] or "", found[3] or "", redis.call("GET", base .. key.limiter) or "0",
  redis.call("PTTL", base .. key.limiter),
}
