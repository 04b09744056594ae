-- A worker of another client settles a job's first parent only. The queue's list of jobs with
-- several parents tells whose others are still owed; so does that of their parents' queues.
-- include settle_parent
-- include evict
local most_settled = 500
-- By its queue, the last job that another client's worker ended.
local half_settled = {}

-- {count, age, limit} of a stored retention option.
local function keep_of(option)
  local keep = { -1, -1, 1000 }
  if option == true then
    keep[1] = 0
  elseif type(option) == "number" then
    keep[1] = option
  elseif type(option) == "table" then
    keep[1] = tonumber(option.count) or -1
    keep[2] = tonumber(option.age) and math.floor(option.age * 1000) or -1
    keep[3] = tonumber(option.limit) or keep[3]
  end
  return keep
end

local function retention_of(job_key, name)
  local fine, decoded = pcall(cjson.decode, redis.call("HGET", job_key, field.retention) or "")
  return keep_of(fine and type(decoded) == "table" and decoded[name])
end

local function settle_finished(queue, id, edges, now)
  local job_key = queue.base .. id
  local found = redis.call("HMGET", job_key, field.returnvalue, field.failed_reason)
  if redis.call("ZSCORE", queue.base .. key.completed, id) then
    for _, edge in ipairs(edges) do
      if settle_completed(edge.parent, job_key, found[1] or "null", now) then
        half_settled[queue.base] = job_key
      end
    end
    return key.completed, retention_of(job_key, "removeOnComplete")
  elseif redis.call("ZSCORE", queue.base .. key.failed, id) then
    for _, edge in ipairs(edges) do
      if settle_failed(edge.parent, job_key, edge.policy, found[2] or "", now) then
        half_settled[queue.base] = job_key
      end
    end
    return key.failed, retention_of(job_key, "removeOnFail")
  end
  return nil
end

local function settle_listed(queue, id, further, now)
  local job_key = queue.base .. id
  local edges = edges_of(nil, nil, further)
  if redis.call("EXISTS", job_key) == 0 then
    -- Removed by a client that knows the first parent only: the others forget it.
    for _, edge in ipairs(edges) do
      redis.call("SREM", edge.parent .. part.dependencies, job_key)
      release_parent_if_done(edge.parent, now)
    end
    unlist_further(job_key)
    return
  end
  local structure, keep = settle_finished(queue, id, edges, now)
  -- What failed and is waited for still may run again.
  if not structure or is_awaited(job_key, edges) then
    return
  end
  unlist_further(job_key)
  if keep[1] == 0 then
    evict(queue, structure, id, now)
  elseif must_evict(keep) then
    apply_retention(queue, structure, keep, now)
  end
end

-- Answers one such job of each queue.
local function settle_further_parents(queue, now)
  local listed = redis.call("HRANDFIELD", queue.base .. key.several_parents, most_settled,
    "WITHVALUES")
  for index = 1, #listed, 2 do
    settle_listed(queue, listed[index], listed[index + 1], now)
  end
  for _, job_key in ipairs(redis.call("SRANDMEMBER", queue.base .. key.shared_children,
    most_settled)) do
    local base, id = split_key(job_key)
    local further = redis.call("HGET", base .. key.several_parents, id)
    if further then
      settle_listed(queue_at(base), id, further, now)
    else
      redis.call("SREM", queue.base .. key.shared_children, job_key)
    end
  end
  local job_keys = {}
  for _, job_key in pairs(half_settled) do
    job_keys[#job_keys + 1] = job_key
  end
  return job_keys
end
