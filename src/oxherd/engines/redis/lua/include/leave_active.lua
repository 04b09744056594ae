-- What the verbs that give an active job back share.
-- include lock
-- include enqueue

-- Runs `leave(queue, id, job, item)` for each item that its token holds, once it is let go;
-- `check` may answer for it before anything is written. `job` is {options, priority, atm,
-- attemptsMade}.
local function leave_active(queue, items, verb, leave, check)
  local answers = {}
  local locks, tokens = read_locks(queue, items)
  for index, item in ipairs(items) do
    local id, token = item[1], item[2]
    local job_key = queue.base .. id
    local job = redis.call("HMGET", job_key, field.options, field.priority,
      field.attempts_made, field.legacy_attempts)
    local exists = redis.call("EXISTS", job_key) == 1
    local is_held = exists and tokens[index] == token
    local answer = is_held and check and check(job_key)
    if not answer then
      if is_held and let_go(queue, id, locks[index]) then
        redis.call("HSET", job_key, field.settled, token .. " " .. verb)
        leave(queue, id, job, item)
        answer = "ok"
      else
        answer = refusal_of(queue, id, token, verb, exists)
      end
    end
    answers[index] = answer
  end
  note_free_slot(queue)
  unlock(queue)
  wake_queues()
  return answers
end
