-- Makes a job runnable: the one way into wait, prioritized and delayed, for every path.
-- include emit
local priority_step = 4294967296
local due_step = 4096

-- `place` is "back", "front" (of all that waits, or of its priority) or "parent" (in front of
-- what waits, or last of its priority).
local function line_up(queue, id, priority, place)
  priority = tonumber(priority) or 0
  if priority > 0 then
    local score = priority * priority_step
    if place ~= "front" then
      score = score
        + redis.call("INCR", queue.base .. key.priority_counter) % priority_step
    end
    redis.call("ZADD", queue.base .. key.prioritized, score, id)
  elseif place == "back" then
    redis.call("LPUSH", queue.waiting, id)
  else
    redis.call("RPUSH", queue.waiting, id)
  end
  queue.has_ready = true
end

-- `previous` is nil for a new job.
local function make_ready(queue, id, priority, place, previous)
  line_up(queue, id, priority, place)
  if previous then
    emit(queue, "waiting", "jobId", id, "prev", previous)
  else
    emit(queue, "waiting", "jobId", id)
  end
end

-- The low bits keep the order of jobs that are due in one millisecond.
-- rare
local function make_delayed(queue, id, due)
  local low = due * due_step
  local high = low + due_step - 1
  local last = redis.call("ZRANGE", queue.base .. key.delayed, high, low, "BYSCORE", "REV",
    "LIMIT", 0, 1, "WITHSCORES")
  local score = last[2] and math.min(tonumber(last[2]) + 1, high) or low
  redis.call("ZADD", queue.base .. key.delayed, score, id)
  queue.has_delayed = true
  emit(queue, "delayed", "jobId", id, "delay", due)
end

local function wait_for_children(queue, id, score, previous)
  redis.call("ZADD", queue.base .. key.waiting_children, score, id)
  if previous then
    emit(queue, "waiting-children", "jobId", id, "prev", previous)
  else
    emit(queue, "waiting-children", "jobId", id)
  end
end

-- An option of a job by its stored JSON, which is read here and never written.
local function option_of(options, name)
  if not options or not string.find(options, '"' .. name .. '"', 1, true) then
    return nil
  end
  local fine, decoded = pcall(cjson.decode, options)
  if not fine or type(decoded) ~= "table" then
    return nil
  end
  return decoded[name]
end

-- Where `add` would put a job that is not delayed.
local function usual_place(options, priority)
  if (tonumber(priority) or 0) == 0 and option_of(options, "lifo") == true then
    return "front"
  end
  return "back"
end
