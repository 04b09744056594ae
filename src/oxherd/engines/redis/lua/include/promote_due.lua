-- Makes delayed jobs whose time has come ready, lowest first; answers how many.
-- include enqueue
local most_promoted = 1000

local function promote_due(queue, now)
  local ids = redis.call("ZRANGE", queue.base .. key.delayed, "-inf", (now + 1) * due_step - 1,
    "BYSCORE", "LIMIT", 0, most_promoted)
  if #ids == 0 then
    return 0
  end
  call_in_pieces("ZREM", queue.base .. key.delayed, ids)
  local promoted = 0
  for _, id in ipairs(ids) do
    local job_key = queue.base .. id
    if redis.call("EXISTS", job_key) == 1 then
      make_ready(queue, id, redis.call("HGET", job_key, field.priority), "back", "delayed")
      redis.call("HSET", job_key, field.delay, 0)
      promoted = promoted + 1
    end
  end
  return promoted
end
