-- Adds the job for which a schedule waits next.
-- include scheduled
-- include store_job
local count_field = "ic"

-- Where the next job of a schedule still waits to be claimed; nil when it does not.
local function pending_state(base, id)
  if redis.call("ZSCORE", base .. key.delayed, id) then
    return key.delayed
  elseif redis.call("ZSCORE", base .. key.prioritized, id) then
    return key.prioritized
  end
  for _, name in ipairs({ key.waiting, key.legacy_paused }) do
    if redis.call("LPOS", base .. name, id) then
      return name
    end
  end
  return nil
end

-- `job` is what `store_job` takes, and `due`.
local function add_scheduled(queue, schedule_id, job, now)
  redis.call("ZADD", queue.base .. key.schedulers, job.due, schedule_id)
  redis.call("INCR", queue.base .. key.counter)
  job.key = queue.base .. job.id
  job.edges = {}
  job.schedule_id = schedule_id
  store_job(queue, job, now)
end
