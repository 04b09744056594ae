-- A new parent names a job that exists: its state decides what the edge becomes.
-- include settle_parent

-- Writes the new edges into the existing job, the one thing of it that changes.
-- rare
local function add_edges(job)
  local edges = job.edges
  if #edges == 0 then
    return
  end
  local found = redis.call("HMGET", job.key, field.parent_key, field.further_parents)
  local texts = {}
  for index, edge in ipairs(edges) do
    if index == 1 and not found[1] then
      redis.call("HSET", job.key, field.parent_key, edge[1], field.parent, edge[3])
    else
      texts[#texts + 1] = edge[4]
    end
  end
  if #texts > 0 then
    local further = table.concat(texts, ",")
    if found[2] then
      further = string.sub(found[2], 2, -2) .. "," .. further
    end
    further = "[" .. further .. "]"
    redis.call("HSET", job.key, field.further_parents, further)
    if redis.call("ZSCORE", job.base .. key.completed, job.id) == false
      and redis.call("ZSCORE", job.base .. key.failed, job.id) == false then
      list_further(job.key, further)
    end
  end
end

-- `pending` collects the children that the parent is to wait for, `needs` what a failure asks.
-- rare
local function adopt(job, edge, pending, needs, now)
  local parent_key, policy = edge[1], edge[2]
  if redis.call("ZSCORE", job.base .. key.completed, job.id) then
    local result = redis.call("HGET", job.key, field.returnvalue) or "null"
    redis.call("HSET", parent_key .. part.processed, job.key, result)
  elseif redis.call("ZSCORE", job.base .. key.failed, job.id) and policy ~= "block" then
    local reason = redis.call("HGET", job.key, field.failed_reason) or ""
    local need = record_failure(parent_key, job.key, policy, reason, now)
    local known = needs[parent_key]
    -- Failing wins over running early, which wins over waiting for the rest.
    if need == "fail" or need == "release" and not (known and known[1] == "fail") then
      needs[parent_key] = { need, job.key }
    end
  else
    pending[#pending + 1] = job.key
  end
end
