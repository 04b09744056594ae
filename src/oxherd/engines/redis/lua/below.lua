-- Reads the jobs below some jobs, at most `most` of them: a step of looking at a whole flow.
-- Refuses nothing; a key without a job is passed over.
-- Emits: nothing. Answers {key, locked, parents, children} for each.
local base = KEYS[1]
local most = tonumber(ARGV[1])
local job_keys = cmsgpack.unpack(ARGV[2])
-- include parents
local function children_of(job_key)
  local children = {}
  for _, found in ipairs({
    redis.call("SMEMBERS", job_key .. part.dependencies),
    redis.call("HKEYS", job_key .. part.processed),
    redis.call("HKEYS", job_key .. part.ignored_children),
    redis.call("ZRANGE", job_key .. part.failed_children, 0, -1),
  }) do
    for _, child_key in ipairs(found) do
      children[#children + 1] = child_key
    end
  end
  return children
end

local seen, nodes, todo = {}, {}, job_keys
while #todo > 0 and #nodes < most do
  local job_key = table.remove(todo)
  if not seen[job_key] then
    seen[job_key] = true
    if redis.call("EXISTS", job_key) == 1 then
      local parents = {}
      for _, edge in ipairs(stored_edges(job_key)) do
        if redis.call("EXISTS", edge.parent) == 1 then
          parents[#parents + 1] = edge.parent
        end
      end
      local children = children_of(job_key)
      nodes[#nodes + 1] = {
        job_key, redis.call("EXISTS", job_key .. part.lock), parents, children,
      }
      for _, child_key in ipairs(children) do
        todo[#todo + 1] = child_key
      end
    end
  end
end
return nodes
