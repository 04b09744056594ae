-- Gives jobs again; takes back what an older client's pause put aside.
-- Refuses nothing; "more" asks to be called again.
-- Emits: resumed.
local base = KEYS[1]
local nonce = ARGV[1]
-- include emit
-- include repeated
local most_moved = 7000
if recall(base, nonce) then
  return "ok"
end
redis.call("HDEL", base .. key.meta, setting.paused)
local aside = redis.call("LRANGE", base .. key.legacy_paused, 0, most_moved - 1)
if #aside > 0 then
  call_in_pieces("RPUSH", base .. key.waiting, aside)
  redis.call("LTRIM", base .. key.legacy_paused, #aside, -1)
end
local queue = queue_at(base)
note_event_cap(queue)
queue.has_ready = redis.call("EXISTS", base .. key.waiting, base .. key.prioritized) > 0
queue.has_delayed = not queue.has_ready
wake_queues()
if redis.call("EXISTS", base .. key.legacy_paused) == 1 then
  return "more"
end
emit(queue, "resumed")
remember(base, nonce, 1)
return "ok"
