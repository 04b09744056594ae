-- Jobs run again later; no attempt is counted.
-- Refuses: missing, lock-lost STATE.
-- Emits: delayed.
local base = KEYS[1]
local clock = ARGV[1]
local items = cmsgpack.unpack(ARGV[2])
-- include time
-- include leave_active
local now = time_of(clock)

return leave_active(queue_at(base), items, "postpone", function(queue, id, job, item)
  local delay = item[3]
  redis.call("HSET", base .. id, field.delay, delay)
  make_delayed(queue, id, now + delay)
end)
