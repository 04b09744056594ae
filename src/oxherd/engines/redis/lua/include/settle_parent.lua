-- What a child's end does to one of its parents; recorded once, since it must be pending.
-- include enqueue
-- include parents

-- Makes a parent that waits for children runnable, honouring its own delay and priority.
local function release_parent(parent_key, now)
  local base, id = split_key(parent_key)
  local queue = queue_at(base)
  if redis.call("ZREM", base .. key.waiting_children, id) == 0 then
    return
  end
  local found = redis.call("HMGET", parent_key, field.delay, field.priority)
  local delay = tonumber(found[1]) or 0
  if delay > 0 then
    make_delayed(queue, id, now + delay)
  else
    make_ready(queue, id, found[2], "parent", "waiting-children")
  end
end

-- rare
local function release_parent_if_done(parent_key, now)
  if redis.call("EXISTS", parent_key .. part.dependencies) == 0 then
    release_parent(parent_key, now)
  end
end

local function failure_text(child_key)
  return "child " .. child_key .. " failed"
end

-- Gives a parent its deferred failure: its worker will fail it without running it.
local function defer_failure(parent_key, child_key)
  local base, id = split_key(parent_key)
  local queue = queue_at(base)
  local previous
  if redis.call("ZREM", base .. key.waiting_children, id) == 1 then
    previous = "waiting-children"
  elseif redis.call("ZREM", base .. key.delayed, id) == 1 then
    previous = "delayed"
  elseif redis.call("ZSCORE", base .. key.failed, id) then
    return
  end
  redis.call("HSET", parent_key, field.deferred_failure, failure_text(child_key))
  if previous then
    local priority = redis.call("HGET", parent_key, field.priority)
    if previous == "delayed" then
      redis.call("HSET", parent_key, field.delay, 0)
    end
    make_ready(queue, id, priority, "parent", previous)
  end
end

-- Both tell whether there was something to settle.
-- rare
local function settle_completed(parent_key, child_key, result, now)
  if redis.call("SREM", parent_key .. part.dependencies, child_key) == 0 then
    return false
  end
  redis.call("HSET", parent_key .. part.processed, child_key, result)
  release_parent_if_done(parent_key, now)
  return true
end

-- Records a failure under a parent; answers what the parent needs: "fail", "release",
-- "release-if-done", or nil when it goes on waiting.
-- rare
local function record_failure(parent_key, child_key, policy, reason, now)
  if policy == "fail-parent" then
    redis.call("ZADD", parent_key .. part.failed_children, now, child_key)
    return "fail"
  elseif policy == "continue-parent" then
    redis.call("HSET", parent_key .. part.ignored_children, child_key, reason)
    redis.call("HINCRBY", parent_key, field.continuations, 1)
    return "release"
  elseif policy == "ignore" then
    redis.call("HSET", parent_key .. part.ignored_children, child_key, reason)
    return "release-if-done"
  elseif policy == "remove" then
    return "release-if-done"
  end
  return nil
end

-- rare
local function apply_failure(need, parent_key, child_key, now)
  if need == "fail" then
    defer_failure(parent_key, child_key)
  elseif need == "release" then
    release_parent(parent_key, now)
  elseif need == "release-if-done" then
    release_parent_if_done(parent_key, now)
  end
end

-- rare
local function settle_failed(parent_key, child_key, policy, reason, now)
  if policy == "block"
    or redis.call("SREM", parent_key .. part.dependencies, child_key) == 0 then
    return false
  end
  local need = record_failure(parent_key, child_key, policy, reason, now)
  apply_failure(need, parent_key, child_key, now)
  return true
end
