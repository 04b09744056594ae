-- Retention: which finished jobs go, and that the verbs which ended them may still be repeated.
-- include queue
-- include parents
local gone = {}
local gone_limit = 1000
local gone_ms = 60000

-- Deletes a job's keys; its lock is not among them.
local function delete_job(base, id, has_further_parents)
  local job_key = base .. id
  if has_further_parents then
    unlist_further(job_key)
  end
  redis.call("DEL", job_key, job_key .. part.logs, job_key .. part.dependencies,
    job_key .. part.processed, job_key .. part.ignored_children,
    job_key .. part.failed_children)
end

local function note_gone(queue, id, settled)
  local list = gone[queue.base] or {}
  list[#list + 1] = id .. " " .. settled
  gone[queue.base] = list
end

local function write_gone()
  for base, list in pairs(gone) do
    call_in_pieces("LPUSH", base .. key.gone, list)
    redis.call("LTRIM", base .. key.gone, 0, math.max(gone_limit, #list) - 1)
    redis.call("PEXPIRE", base .. key.gone, gone_ms)
  end
end

-- Whether a parent still waits for this job (it failed and its edge blocks).
-- rare
local function is_awaited(job_key, edges)
  for _, edge in ipairs(edges) do
    if redis.call("SISMEMBER", edge.parent .. part.dependencies, job_key) == 1 then
      return true
    end
  end
  return false
end

-- rare
local function evict(queue, structure, id, now)
  local job_key = queue.base .. id
  local found = redis.call("HMGET", job_key, field.parent_key, field.further_parents,
    field.settled, field.finished_on)
  if (found[1] or found[2]) and is_awaited(job_key, edges_of(found[1], nil, found[2])) then
    return
  end
  if found[3] and now - (tonumber(found[4]) or 0) < gone_ms then
    note_gone(queue, id, found[3])
  end
  redis.call("ZREM", queue.base .. structure, id)
  delete_job(queue.base, id, found[2])
end

-- Whether a retention asks for more than the job that ends: {count, age, limit}, -1 for no bound.
-- None at all (count 0) is about that job alone, which is never stored.
local function must_evict(keep)
  return keep[1] > 0 or keep[2] >= 0
end

-- Applies a finished job's retention to its structure.
-- rare
local function apply_retention(queue, structure, keep, now)
  local count, age, limit = keep[1], keep[2], keep[3]
  if age >= 0 then
    for _, id in ipairs(redis.call("ZRANGE", queue.base .. structure, now - age, "-inf",
      "BYSCORE", "REV", "LIMIT", 0, limit)) do
      evict(queue, structure, id, now)
    end
  end
  if count > 0 then
    local excess = redis.call("ZCARD", queue.base .. structure) - count
    if excess > 0 then
      for _, id in ipairs(redis.call("ZRANGE", queue.base .. structure, 0,
        math.min(excess, 1000) - 1)) do
        evict(queue, structure, id, now)
      end
    end
  end
end
