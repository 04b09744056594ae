-- An attempt failed and another follows: at once, where `add` would put it, or delayed.
-- Refuses: missing, lock-lost STATE.
-- Emits: waiting or delayed.
local base = KEYS[1]
local clock = ARGV[1]
local items = cmsgpack.unpack(ARGV[2])
-- include time
-- include leave_active
local now = time_of(clock)

return leave_active(queue_at(base), items, "retry", function(queue, id, job, item)
  local reason, stacktrace, delay = item[3], item[4], item[5]
  redis.call("HSET", base .. id, field.failed_reason, reason, field.stacktrace, stacktrace,
    field.attempts_made, (tonumber(job[3] or job[4]) or 0) + 1)
  if delay > 0 then
    redis.call("HSET", base .. id, field.delay, delay)
    make_delayed(queue, id, now + delay)
  else
    make_ready(queue, id, job[2], usual_place(job[1], job[2]), "active")
  end
end)
