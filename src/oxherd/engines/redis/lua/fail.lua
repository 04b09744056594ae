-- Ends jobs badly, for good: each edge's policy decides what becomes of the parent; counts them.
-- Refuses: missing, lock-lost STATE.
-- Emits: a kept job's and the parents' as in complete.lua, failed, retries-exhausted, drained.
local base = KEYS[1]
local clock = ARGV[1]
local metrics = tonumber(ARGV[2])
local items = cmsgpack.unpack(ARGV[3])
-- include time
-- include lock
-- include finish
local now = time_of(clock)
local queue = queue_at(base)
local ended = 0
local locks, tokens = read_locks(queue, items)

local function fail(item, index)
  local id, token, reason, stacktrace = item[1], item[2], item[3], item[4]
  local job_key = base .. id
  local job = redis.call("HMGET", job_key, field.timestamp, field.attempts_made,
    field.legacy_attempts, field.parent_key, field.parent, field.further_parents, field.options,
    field.deferred_failure, field.deduplication_id)
  local exists = job[1] or redis.call("EXISTS", job_key) == 1
  if not exists or tokens[index] ~= token then
    return refusal_of(queue, id, token, "fail", exists)
  end
  if not let_go(queue, id, locks[index]) then
    return refusal_of(queue, id, token, "fail", exists)
  end
  if job[9] then
    list_finished(queue, key.failed)
    end_deduplication(queue, id, job[9], now)
  end
  local edges = edges_of(job[4], job[5], job[6])
  for _, edge in ipairs(edges) do
    settle_failed(edge.parent, job_key, edge.policy, reason, now)
  end
  -- Where a parent waits on, another client may yet run it again.
  if job[6] and not is_awaited(job_key, edges_of(nil, nil, job[6])) then
    unlist_further(job_key)
  end
  local attempts = (tonumber(job[2] or job[3]) or 0) + 1
  local settled = token .. " fail"
  if item[5][1] == 0 and not is_awaited(job_key, edges) then
    note_gone(queue, id, settled)
    delete_job(base, id, job[6])
  else
    redis.call("HSET", job_key, field.failed_reason, reason, field.stacktrace, stacktrace,
      field.finished_on, now, field.attempts_made, attempts, field.settled, settled)
    if job[8] then
      redis.call("HDEL", job_key, field.deferred_failure)
    end
    finish(queue, key.failed, id, item[5], now)
  end
  emit(queue, "failed", "jobId", id, "failedReason", reason, "prev", "active")
  if attempts >= math.max(1, tonumber(option_of(job[7], "attempts")) or 1) then
    emit(queue, "retries-exhausted", "jobId", id, "attemptsMade", attempts)
  end
  emit_drained(queue)
  ended = ended + 1
  return "ok"
end

local answers = {}
for index, item in ipairs(items) do
  answers[index] = fail(item, index)
end
if metrics > 0 then
  count_ended(base, key.failed_count, key.failed_points, ended, metrics, now)
end
end_finishing(queue, key.failed)
return answers
