-- Edges that are cut.
-- include parents

-- Removes one edge from a job's own record; the first of the further parents moves up.
-- rare
local function unlink(job_key, parent_key)
  local found = redis.call("HMGET", job_key, field.parent_key, field.further_parents)
  local further = found[2] and decode_further(found[2]) or {}
  local was_listed = found[2] and unlist_further(job_key)
  if found[1] == parent_key then
    local next_edge = table.remove(further, 1)
    if next_edge then
      local parent = '{"id":' .. cjson.encode(next_edge.id) .. ',"queueKey":'
        .. cjson.encode(next_edge.queueKey) .. parent_flags(next_edge.policy) .. "}"
      redis.call("HSET", job_key, field.parent_key, next_edge.queueKey .. ":" .. next_edge.id,
        field.parent, parent)
    else
      redis.call("HDEL", job_key, field.parent_key, field.parent)
    end
  else
    for index, edge in ipairs(further) do
      if edge.queueKey .. ":" .. edge.id == parent_key then
        table.remove(further, index)
        break
      end
    end
  end
  if not found[2] then
    return
  end
  if #further > 0 then
    local text = cjson.encode(further)
    redis.call("HSET", job_key, field.further_parents, text)
    if was_listed then
      list_further(job_key, text)
    end
  else
    redis.call("HDEL", job_key, field.further_parents)
  end
end

-- rare
local function cut_off_pending(job_key)
  for _, child_key in ipairs(redis.call("SMEMBERS", job_key .. part.dependencies)) do
    unlink(child_key, job_key)
  end
  redis.call("DEL", job_key .. part.dependencies)
end
