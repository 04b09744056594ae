-- Appends to a queue's event log, and trims it roughly to its cap.
-- include queue
local most_untrimmed = 100

local function emit(queue, event, ...)
  if queue.untrimmed < most_untrimmed then
    queue.untrimmed = queue.untrimmed + 1
    redis.call("XADD", queue.events, "*", "event", event, ...)
  else
    -- The server drops whole nodes of as many entries; each trimming walks to the first.
    queue.untrimmed = 1
    redis.call("XADD", queue.events, "MAXLEN", "~", queue.event_cap, "*",
      "event", event, ...)
  end
end
