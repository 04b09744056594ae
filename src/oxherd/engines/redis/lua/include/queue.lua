-- A queue's settings, read once a script; and what a script owes it at the end (`finish`).
-- include keys
-- include fields
-- include pieces
local default_event_cap = "10000"
local queues = {}
local queues_in_order = {}

local last_number, last_text

-- A whole number as text. In a loop it is the same time again and again.
local function text_of(number)
  if number ~= last_number then
    last_number, last_text = number, string.format("%.0f", number)
  end
  return last_text
end

local function queue_at(base)
  local queue = queues[base]
  if not queue then
    local found = redis.call("HMGET", base .. key.meta, setting.paused, setting.concurrency,
      setting.event_cap, setting.version, setting.max, setting.duration)
    queue = {
      base = base,
      active = base .. key.active,
      events = base .. key.events,
      waiting = base .. key.waiting,
      paused = found[1],
      concurrency = tonumber(found[2]),
      event_cap = found[3] and string.match(found[3], "^%d+$") or default_event_cap,
      has_event_cap = found[3],
      has_version = found[4],
      rate_max = tonumber(found[5]),
      rate_ms = tonumber(found[6]),
      untrimmed = math.huge,
    }
    queues[base] = queue
    queues_in_order[#queues_in_order + 1] = queue
  end
  return queue
end

-- A queue's settings always say this, so that it can be found by them.
local function note_event_cap(queue)
  if not queue.has_event_cap then
    redis.call("HSET", queue.base .. key.meta, setting.event_cap, queue.event_cap)
    queue.has_event_cap = true
  end
end

-- Whether the queue has all the active jobs that it may have.
local function is_maxed(queue)
  return queue.concurrency and redis.call("LLEN", queue.active) >= queue.concurrency
end

-- A job left a queue that may have been full, and woke nobody then.
local function note_free_slot(queue)
  if queue.concurrency and not queue.has_ready then
    queue.has_ready = redis.call("EXISTS", queue.waiting,
      queue.base .. key.prioritized) > 0
  end
end

-- Writes the markers that waiting workers hear, after all else is in place.
local function wake_queues()
  for _, queue in ipairs(queues_in_order) do
    if queue.has_ready and not queue.paused and not is_maxed(queue) then
      redis.call("ZADD", queue.base .. key.marker, 0, "0")
    end
    if queue.has_delayed then
      local first = redis.call("ZRANGE", queue.base .. key.delayed, 0, 0, "WITHSCORES")
      if first[2] then
        redis.call("ZADD", queue.base .. key.marker, tonumber(first[2]) / 4096, "1")
      end
    end
  end
end
