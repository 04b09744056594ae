-- Stops giving jobs; those that run run on.
-- Refuses nothing.
-- Emits: paused.
local base = KEYS[1]
local nonce = ARGV[1]
-- include emit
-- include repeated
if recall(base, nonce) then
  return "ok"
end
redis.call("HSET", base .. key.meta, setting.paused, 1)
note_event_cap(queue_at(base))
redis.call("DEL", base .. key.marker)
emit(queue_at(base), "paused")
remember(base, nonce, 1)
return "ok"
