-- Runs finished jobs again; their parents wait for them anew.
-- Refuses: missing, wrong-state STATE.
-- Emits: waiting or waiting-children; the parents' waiting-children.
local base = KEYS[1]
local clock = ARGV[1]
local nonce = ARGV[2]
local structure = ARGV[3]
local attempts_made = tonumber(ARGV[4])
local attempts_started = tonumber(ARGV[5])
local ids = cmsgpack.unpack(ARGV[6])
-- include time
-- include state
-- include repeated
-- include withdraw_failure
local answers = recall(base, nonce)
if answers then
  return answers
end
answers = {}
local now = time_of(clock)
local queue = queue_at(base)
local failed = structure == key.failed
local cleared = { field.finished_on, field.processed_on,
  failed and field.failed_reason or field.returnvalue }
if attempts_made == 1 then
  cleared[#cleared + 1] = field.attempts_made
  cleared[#cleared + 1] = field.legacy_attempts
end
if attempts_started == 1 then
  cleared[#cleared + 1] = field.attempts_started
end

-- Makes the edge pending again; whether it was settled by this job's end.
local function reopen(edge, job_key)
  if not failed then
    return redis.call("HDEL", edge.parent .. part.processed, job_key) == 1
  end
  if redis.call("ZREM", edge.parent .. part.failed_children, job_key) == 1 then
    return true
  end
  if redis.call("HDEL", edge.parent .. part.ignored_children, job_key) == 0 then
    return false
  end
  if edge.policy == "continue-parent" then
    redis.call("HINCRBY", edge.parent, field.continuations, -1)
  end
  return true
end

local function reopen_edges(job_key)
  for _, edge in ipairs(stored_edges(job_key)) do
    local parent_base, parent_id = split_key(edge.parent)
    if redis.call("EXISTS", edge.parent) == 1
      and not redis.call("ZSCORE", parent_base .. key.completed, parent_id)
      and reopen(edge, job_key) then
      redis.call("SADD", edge.parent .. part.dependencies, job_key)
      withdraw_failure(edge.parent, job_key, now)
    end
  end
end

local function reprocess(id)
  local job_key = base .. id
  if redis.call("EXISTS", job_key) == 0 then
    return "missing"
  end
  if redis.call("ZREM", base .. structure, id) == 0 then
    return "wrong-state " .. state_of(base, id)
  end
  local job = redis.call("HMGET", job_key, field.options, field.priority,
    field.further_parents)
  redis.call("HDEL", job_key, unpack(cleared))
  local child_key = failed_child_of(job_key)
  if child_key then
    redis.call("HSET", job_key, field.deferred_failure, failure_text(child_key))
  end
  if redis.call("EXISTS", job_key .. part.dependencies) == 1 then
    wait_for_children(queue, id, now)
  else
    make_ready(queue, id, job[2], usual_place(job[1], job[2]), structure)
  end
  reopen_edges(job_key)
  if job[3] then
    list_further(job_key, job[3])
  end
  return "ok"
end

for index, id in ipairs(ids) do
  answers[index] = reprocess(id)
end
remember(base, nonce, answers)
wake_queues()
return answers
