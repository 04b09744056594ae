-- What the two ends of a job share: the deduplication id, drained, the last writes.
-- include lock
-- include settle_parent
-- include evict
-- include deduplication
-- include metrics
-- include unlink
local active_left

-- Writes `drained` once the job that just ended was the last that waited or ran.
local function emit_drained(queue)
  active_left = active_left and active_left - 1
    or redis.call("LLEN", queue.active)
  if active_left == 0
    and redis.call("EXISTS", queue.waiting, queue.base .. key.prioritized) == 0 then
    emit(queue, "drained")
  end
end

-- Whether any of these items is of a job that still has children, or failed ones.
local function have_children(queue, items)
  local names = {}
  for index = 1, #items do
    local job_key = queue.base .. items[index][1]
    names[2 * index - 1] = job_key .. part.dependencies
    names[2 * index] = job_key .. part.failed_children
  end
  return count_in_pieces("EXISTS", names) > 0
end

-- Whether a parent runs because of `continue-parent`: we count such children; another client's
-- scripts leave only their flag.
-- rare
local function was_continued(job_key)
  if (tonumber(redis.call("HGET", job_key, field.continuations)) or 0) > 0 then
    return true
  end
  for _, child_key in ipairs(redis.call("HKEYS", job_key .. part.ignored_children)) do
    local found = redis.call("HMGET", child_key, field.parent_key, field.parent)
    if found[1] == job_key and policy_of(found[2]) == "continue-parent" then
      return true
    end
  end
  return false
end

local function end_finishing(queue)
  note_free_slot(queue)
  unlock(queue)
  write_gone()
  wake_queues()
end
