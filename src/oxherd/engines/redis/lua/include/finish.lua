-- What the two ends of a job share: children, retention, the deduplication id, the last writes.
-- include lock
-- include settle_parent
-- include evict
-- include deduplication
-- include metrics
-- include unlink
local active_left
local finished = {}

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

-- Lists the jobs that have ended here; at once where somebody asks which have.
local function list_finished(queue, structure)
  call_in_pieces("ZADD", queue.base .. structure, finished)
  finished = {}
end

-- Stores a job that has ended among those that did, and applies its retention.
local function finish(queue, structure, id, keep, now)
  finished[#finished + 1] = text_of(now)
  finished[#finished + 1] = id
  if must_evict(keep) then
    list_finished(queue, structure)
    apply_retention(queue, structure, keep, now)
  end
end

local function end_finishing(queue, structure)
  list_finished(queue, structure)
  note_free_slot(queue)
  unlock(queue)
  write_gone()
  wake_queues()
end
