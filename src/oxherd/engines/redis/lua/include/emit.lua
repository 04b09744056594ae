-- Appends to a queue's event log, trimming it roughly to its cap.
-- include queue
local function emit(queue, event, ...)
  redis.call("XADD", queue.events, "MAXLEN", "~", queue.event_cap, "*",
    "event", event, ...)
end
