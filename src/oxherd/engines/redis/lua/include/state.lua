-- Where a job is: the structure that holds its id, by the name that Python maps to a state.
-- include keys
-- rare
local function state_of(base, id)
  for _, name in ipairs({ key.completed, key.failed, key.delayed, key.prioritized,
    key.waiting_children }) do
    if redis.call("ZSCORE", base .. name, id) then
      return name
    end
  end
  for _, name in ipairs({ key.active, key.waiting, key.legacy_paused }) do
    if redis.call("LPOS", base .. name, id) then
      return name
    end
  end
  return "gone"
end

-- How a job ended, or nil.
-- rare
local function end_of(job_key)
  local base, id = split_key(job_key)
  for _, name in ipairs({ key.completed, key.failed }) do
    if redis.call("ZSCORE", base .. name, id) then
      return name
    end
  end
  return nil
end

-- Takes a job out of whatever holds it and answers what that was.
-- rare
local function take_out(base, id)
  for _, name in ipairs({ key.completed, key.waiting_children, key.delayed, key.failed,
    key.prioritized }) do
    if redis.call("ZREM", base .. name, id) == 1 then
      return name
    end
  end
  for _, name in ipairs({ key.waiting, key.legacy_paused, key.active }) do
    if redis.call("LREM", base .. name, 1, id) == 1 then
      return name
    end
  end
  return "unknown"
end
