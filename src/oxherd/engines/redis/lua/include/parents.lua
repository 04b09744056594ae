-- The edges from a job up to its parents.
-- include keys
-- include fields
-- rare
local function policy_of(parent_json)
  local fine, decoded = pcall(cjson.decode, parent_json or "")
  if fine and type(decoded) == "table" then
    for flag, policy in pairs(policy_flag) do
      if decoded[flag] == true then
        return policy
      end
    end
  end
  return "block"
end

local function decode_further(further)
  local fine, decoded = pcall(cjson.decode, further)
  return fine and type(decoded) == "table" and decoded or {}
end

-- {parent = key, policy = text} for each edge; the first is the one that every client sees.
-- rare
local function edges_of(parent_key, parent_json, further)
  local edges = {}
  if parent_key then
    edges[1] = { parent = parent_key, policy = policy_of(parent_json) }
  end
  if further then
    for _, edge in ipairs(decode_further(further)) do
      edges[#edges + 1] = { parent = edge.queueKey .. ":" .. edge.id, policy = edge.policy }
    end
  end
  return edges
end

-- rare
local function stored_edges(job_key)
  local found = redis.call("HMGET", job_key, field.parent_key, field.parent,
    field.further_parents)
  return edges_of(found[1], found[2], found[3])
end

local function parent_flags(policy)
  for flag, name in pairs(policy_flag) do
    if name == policy then
      return ',"' .. flag .. '":true'
    end
  end
  return ""
end

local function write_shared(command, job_key, further)
  local bases = {}
  for _, edge in ipairs(edges_of(redis.call("HGET", job_key, field.parent_key), nil, further)) do
    bases[base_of(edge.parent)] = true
  end
  for base in pairs(bases) do
    redis.call(command, base .. key.shared_children, job_key)
  end
end

-- A job with several parents is listed in its own queue, with the parents after the first, and
-- in the queues of them all: any worker of ours there settles what another client's leaves.
-- rare
local function list_further(job_key, further)
  local base, id = split_key(job_key)
  redis.call("HSET", base .. key.several_parents, id, further)
  write_shared("SADD", job_key, further)
end

-- rare
local function unlist_further(job_key)
  local base, id = split_key(job_key)
  local further = redis.call("HGET", base .. key.several_parents, id)
  if further then
    redis.call("HDEL", base .. key.several_parents, id)
    write_shared("SREM", job_key, further)
  end
  return further
end
