-- A failed child runs again before its parent's worker acted on the deferred failure.
-- include settle_parent

-- The child that failed a parent last and is not running again, if any.
local function failed_child_of(parent_key)
  for _, child_key in ipairs(redis.call("ZRANGE", parent_key .. part.failed_children, 0, -1,
    "REV")) do
    local base, id = split_key(child_key)
    if redis.call("ZSCORE", base .. key.failed, id)
      or redis.call("EXISTS", child_key) == 0 then
      return child_key
    end
  end
  return nil
end

local function withdraw_failure(parent_key, child_key, now)
  if redis.call("HGET", parent_key, field.deferred_failure) ~= failure_text(child_key) then
    return
  end
  local other = failed_child_of(parent_key)
  if other then
    redis.call("HSET", parent_key, field.deferred_failure, failure_text(other))
    return
  end
  redis.call("HDEL", parent_key, field.deferred_failure)
  local base, id = split_key(parent_key)
  if redis.call("LREM", base .. key.waiting, -1, id) == 1
    or redis.call("ZREM", base .. key.prioritized, id) == 1
    or redis.call("LREM", base .. key.legacy_paused, -1, id) == 1 then
    wait_for_children(queue_at(base), id, now)
  end
end
