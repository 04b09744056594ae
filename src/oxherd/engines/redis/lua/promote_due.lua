-- Makes delayed jobs whose time has come ready, at most 1,000.
-- Refuses nothing.
-- Emits: waiting.
local base = KEYS[1]
local clock = ARGV[1]
-- include time
-- include promote_due
local promoted = promote_due(queue_at(base), time_of(clock))
wake_queues()
return promoted
