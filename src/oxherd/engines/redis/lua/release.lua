-- Gives jobs back to the front; no attempt is counted.
-- Refuses: missing, lock-lost STATE.
-- Emits: waiting.
local base = KEYS[1]
local items = cmsgpack.unpack(ARGV[1])
-- include leave_active

return leave_active(queue_at(base), items, "release", function(queue, id, job)
  make_ready(queue, id, job[2], "front", "active")
end)
