-- Gives up to `limit` ready jobs, as they were before, under a lock; due ones are promoted first.
-- Refuses nothing: a paused, full or rate-limited queue gives no jobs and says so.
-- Emits: waiting (of promoted jobs), active.
local base = KEYS[1]
local clock = ARGV[1]
local limit = tonumber(ARGV[2])
local token = ARGV[3]
local lock_ms = ARGV[4]
local worker = ARGV[5]
local rate_max = tonumber(ARGV[6])
local rate_ms = tonumber(ARGV[7])
-- include time
-- include promote_due
-- include take_next
local now = time_of(clock)
local queue = queue_at(base)
-- Of the number the queue's own counts first, of the window the worker's.
local max = queue.rate_max or rate_max > 0 and rate_max
local window = math.floor(math.abs(rate_ms > 0 and rate_ms or queue.rate_ms or 0))
promote_due(queue, now)

local function answer(jobs, retry_after, paused)
  wake_queues()
  local due_in = -1
  if #jobs == 0 then
    local first = redis.call("ZRANGE", base .. key.delayed, 0, 0, "WITHSCORES")
    if first[2] then
      due_in = math.max(0, math.floor(tonumber(first[2]) / due_step) - now)
    end
  end
  return { jobs, now, due_in, retry_after, paused }
end

local wanted, tokens = limit, math.huge
if max then
  max = math.max(1, max)
  tokens = max - (tonumber(redis.call("GET", base .. key.limiter)) or 0)
  if tokens <= 0 then
    local remaining = redis.call("PTTL", base .. key.limiter)
    if remaining > 0 then
      return answer({}, remaining, 0)
    end
    redis.call("DEL", base .. key.limiter)
    tokens = max
  end
  -- Without a window nothing is counted, but a queue that is held is held.
  tokens = window > 0 and tokens or math.huge
end
if queue.concurrency then
  limit = math.min(limit, queue.concurrency - redis.call("LLEN", queue.active))
end
if queue.paused or limit <= 0 and wanted > 0 then
  return answer({}, 0, 1)
end
if wanted <= 0 then
  -- Whoever asks for none heard a wake-up with its hands full: pass it on.
  queue.has_ready = redis.call("EXISTS", queue.waiting, base .. key.prioritized) > 0
  return answer({}, 0, is_maxed(queue) and 1 or 0)
end

local now_text = text_of(now)
local jobs, ids, used = {}, {}, 0
while #jobs < limit and used < tokens do
  local taken = take_next(base, math.min(limit - #jobs, tokens - used))
  if #taken == 0 then
    break
  end
  for index = 1, #taken do
    local id = taken[index]
    local record, started, is_doomed = read_record(base, id)
    if record then
      local job_key = base .. id
      redis.call("SET", job_key .. part.lock, token, "PX", lock_ms)
      if worker ~= "" then
        redis.call("HSET", job_key, field.processed_on, now_text,
          field.attempts_started, started + 1, field.processed_by, worker)
      else
        redis.call("HSET", job_key, field.processed_on, now_text,
          field.attempts_started, started + 1)
      end
      emit(queue, "active", "jobId", id, "prev", "waiting")
      used = used + (is_doomed and 0 or 1)
      ids[#ids + 1] = id
      jobs[#jobs + 1] = record
    end
  end
end
local retry_after = 0
if max and window > 0 and used > 0 then
  if redis.call("INCRBY", base .. key.limiter, used) == used then
    redis.call("PEXPIRE", base .. key.limiter, window)
  end
  if used >= tokens then
    retry_after = math.max(0, redis.call("PTTL", base .. key.limiter))
  end
end
if #jobs > 0 then
  call_in_pieces("LPUSH", queue.active, ids)
  -- The chain of markers: who gets a job wakes one more worker.
  redis.call("ZADD", base .. key.marker, 0, "0")
end
return answer(jobs, retry_after, 0)
