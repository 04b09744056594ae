-- Takes back jobs whose lock was found lost by two calls in a row; settles what another client's
-- worker left of jobs with several parents.
-- Refuses nothing; too soon it takes nothing back. Emits: waiting, stalled; the parents' events.
local base = KEYS[1]
local clock = ARGV[1]
local max_stalled_count = tonumber(ARGV[2])
local interval_ms = tonumber(ARGV[3])
local nonce = ARGV[4]
-- include time
-- include repeated
-- include further_parents
local answered = recall(base, nonce)
if answered then
  return answered
end
local now = time_of(clock)
local queue = queue_at(base)
-- Whoever checks for stalled jobs this time: another client's worker settles no further parents.
local rescued, half_settled_jobs = {}, settle_further_parents(queue, now)
write_gone()
local function answer()
  local found = { rescued, half_settled_jobs }
  if #rescued + #half_settled_jobs > 0 then
    remember(base, nonce, found)
  end
  wake_queues()
  return found
end
if interval_ms > 0
  and not redis.call("SET", base .. key.stalled_check, now, "PX", interval_ms, "NX") then
  return answer()
end

-- A scheduler's job is made again and again: it is never given up.
local function has_scheduler(name)
  return name and (redis.call("EXISTS", base .. key.scheduler .. name) == 1
    or redis.call("ZSCORE", base .. key.schedulers, name))
end

local function take_back(id)
  local job_key = base .. id
  redis.call("LREM", base .. key.active, 1, id)
  if redis.call("EXISTS", job_key) == 0 then
    note_free_slot(queue)
    return false
  end
  local count = redis.call("HINCRBY", job_key, field.stalled_count, 1)
  local found = redis.call("HMGET", job_key, field.priority, field.scheduler)
  if count > max_stalled_count and not has_scheduler(found[2]) then
    redis.call("HSET", job_key, field.deferred_failure, "job stalled more than allowable limit")
  end
  make_ready(queue, id, found[1], "front", "active")
  emit(queue, "stalled", "jobId", id)
  return true
end

local suspects = {}
for _, id in ipairs(redis.call("SMEMBERS", base .. key.stalled)) do
  suspects[id] = true
end
-- Newest first, so that the oldest ends in front.
for _, id in ipairs(redis.call("LRANGE", base .. key.active, 0, -1)) do
  if suspects[id] and redis.call("EXISTS", base .. id .. part.lock) == 0 and take_back(id) then
    rescued[#rescued + 1] = id
  end
end
redis.call("DEL", base .. key.stalled)
call_in_pieces("SADD", base .. key.stalled, redis.call("LRANGE", base .. key.active, 0, -1))
return answer()
