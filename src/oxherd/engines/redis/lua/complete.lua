-- Ends jobs well: settles parents, stores results, applies retention, counts (`metrics` points).
-- Refuses: missing, lock-lost STATE, pending-children, failed-children.
-- Emits: a kept job's as in add.lua, the parents' waiting or delayed, completed, drained.
local base = KEYS[1]
local clock = ARGV[1]
local metrics = tonumber(ARGV[2])
local items = cmsgpack.unpack(ARGV[3])
-- include time
-- include lock
-- include finish
local now = time_of(clock)
local now_text = text_of(now)
local queue = queue_at(base)
local ended = 0
local may_have_children = have_children(queue, items)
local locks, tokens = read_locks(queue, items)

local function complete(item, index)
  local id, token, result = item[1], item[2], item[3]
  local job_key = base .. id
  local job = redis.call("HMGET", job_key, field.timestamp, field.attempts_made,
    field.legacy_attempts, field.parent_key, field.further_parents, field.deduplication_id)
  local exists = job[1] or redis.call("EXISTS", job_key) == 1
  if not exists or tokens[index] ~= token then
    return refusal_of(queue, id, token, "complete", exists)
  end
  local cut = false
  if may_have_children then
    if redis.call("EXISTS", job_key .. part.dependencies) == 1 then
      cut = was_continued(job_key)
      if not cut then
        return "pending-children"
      end
    end
    if redis.call("EXISTS", job_key .. part.failed_children) == 1 then
      return "failed-children"
    end
  end
  if not let_go(queue, id, locks[index]) then
    return refusal_of(queue, id, token, "complete", exists)
  end
  if cut then
    cut_off_pending(job_key)
  end
  if job[6] then
    list_finished(queue, key.completed)
    end_deduplication(queue, id, job[6], now)
    -- Whoever follows may be a child of a job that is still to end here.
    may_have_children = true
  end
  if job[4] then
    settle_completed(job[4], job_key, result, now)
  end
  if job[5] then
    for _, edge in ipairs(edges_of(nil, nil, job[5])) do
      settle_completed(edge.parent, job_key, result, now)
    end
    unlist_further(job_key)
  end
  local settled = token .. " complete"
  if item[4][1] == 0 then
    note_gone(queue, id, settled)
    delete_job(base, id, job[5])
  else
    redis.call("HSET", job_key, field.returnvalue, result, field.finished_on, now_text,
      field.attempts_made, (tonumber(job[2] or job[3]) or 0) + 1, field.settled, settled)
    finish(queue, key.completed, id, item[4], now)
  end
  emit(queue, "completed", "jobId", id, "returnvalue", result, "prev", "active")
  emit_drained(queue)
  ended = ended + 1
  return "ok"
end

local answers = {}
for index = 1, #items do
  answers[index] = complete(items[index], index)
end
if metrics > 0 then
  count_ended(base, key.completed_count, key.completed_points, ended, metrics, now)
end
end_finishing(queue, key.completed)
return answers
