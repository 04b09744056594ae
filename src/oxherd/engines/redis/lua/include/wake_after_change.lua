-- A limit that is lifted is heard by those who wait.
-- include queue
local function wake_after_change(base)
  -- Read anew: what is known of the queue may be what it was before.
  queues[base] = nil
  queues_in_order = {}
  local queue = queue_at(base)
  queue.has_ready = redis.call("EXISTS", base .. key.waiting, base .. key.prioritized) > 0
  wake_queues()
end
