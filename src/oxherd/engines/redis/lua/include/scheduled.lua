-- The jobs of schedules: their ids, and which of them its schedule waits for.
-- include keys
local function scheduled_id(schedule_id, due)
  return key.scheduler .. schedule_id .. ":" .. string.format("%.0f", tonumber(due))
end

-- Whether a schedule would stop without this job, which has not ended.
local function is_next_of_schedule(base, id)
  local schedule_id, due = string.match(id, "^" .. key.scheduler .. "(.+):(%d+)$")
  if not schedule_id then
    return false
  end
  local score = redis.call("ZSCORE", base .. key.schedulers, schedule_id)
  return score and tonumber(score) == tonumber(due)
    and not redis.call("ZSCORE", base .. key.completed, id)
    and not redis.call("ZSCORE", base .. key.failed, id)
end
