-- What the verbs that give an active job back share.
-- include lock
-- include enqueue

-- Runs `leave(queue, id, job, item)` for each item that its token holds, once it is let go;
-- `check` may answer for it before anything is written. `job` is {options, priority, atm,
-- attemptsMade}.
local function leave_active(queue, items, verb, leave, check)
  local answers = {}
  for index, item in ipairs(items) do
    local id, token = item[1], item[2]
    local job_key = queue.base .. id
    local job = redis.call("HMGET", job_key, field.options, field.priority,
      field.attempts_made, field.legacy_attempts, field.settled)
    local exists = redis.call("EXISTS", job_key) == 1
    local answer = refuse_unless_held(queue, id, token, verb, exists, job[5])
      or check and check(job_key)
    if not answer then
      if let_go(queue, id) then
        redis.call("HSET", job_key, field.settled, token .. " " .. verb)
        leave(queue, id, job, item)
        answer = "ok"
      else
        answer = "lock-lost " .. state_of(queue.base, id)
      end
    end
    answers[index] = answer
  end
  note_free_slot(queue)
  clear_stalled()
  wake_queues()
  return answers
end
