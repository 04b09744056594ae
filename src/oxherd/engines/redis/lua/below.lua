-- Reads the jobs below some jobs, at most `most` of them: a step of looking at a whole flow.
-- Refuses nothing; a key without a job is passed over. With `pending` only pending children count.
-- Emits: nothing. Answers {key, whether it is held, parents, children, whether it failed} for each.
local base = KEYS[1]
local most = tonumber(ARGV[1])
local pending = tonumber(ARGV[2])
local job_keys = cmsgpack.unpack(ARGV[3])
-- include parents
-- include children_of
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
      local children = pending == 1 and redis.call("SMEMBERS", job_key .. part.dependencies)
        or children_of(job_key)
      local job_base, id = split_key(job_key)
      nodes[#nodes + 1] = {
        job_key, redis.call("EXISTS", job_key .. part.lock), parents, children,
        redis.call("ZSCORE", job_base .. key.failed, id) and 1 or 0,
      }
      for _, child_key in ipairs(children) do
        todo[#todo + 1] = child_key
      end
    end
  end
end
return nodes
