-- Parents wait for their pending children; no attempt is counted.
-- Refuses: missing, lock-lost STATE, failed-children; nothing-pending changes nothing.
-- Emits: waiting-children.
local base = KEYS[1]
local clock = ARGV[1]
local items = cmsgpack.unpack(ARGV[2])
-- include time
-- include leave_active
local now = time_of(clock)

return leave_active(queue_at(base), items, "await_children", function(queue, id)
  wait_for_children(queue, id, now, "active")
end, function(job_key)
  if redis.call("EXISTS", job_key .. part.failed_children) == 1 then
    return "failed-children"
  end
  if redis.call("EXISTS", job_key .. part.dependencies) == 0 then
    return "nothing-pending"
  end
  return nil
end)
