-- Uses up the rate limit for so long; 0 opens it again.
-- Refuses nothing.
-- Emits: nothing.
local base = KEYS[1]
local duration = tonumber(ARGV[1])
-- include wake_after_change
-- The number by which every client knows a queue that is held.
local most_tokens = "9007199254740991"
if duration > 0 then
  redis.call("SET", base .. key.limiter, most_tokens, "PX", duration)
else
  redis.call("DEL", base .. key.limiter)
  wake_after_change(base)
end
return "ok"
