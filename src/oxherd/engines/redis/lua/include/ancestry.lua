-- Refuses a job that would come to stand above itself.
-- include parents

-- Whether `job` is above one of the parents that it would get: a walk up, with its own stack.
-- rare
local function is_own_ancestor(job, members)
  local todo, seen = {}, {}
  for _, edge in ipairs(job.edges) do
    todo[#todo + 1] = edge[1]
  end
  while #todo > 0 do
    local job_key = table.remove(todo)
    if job_key == job.key then
      return true
    end
    if not seen[job_key] then
      seen[job_key] = true
      local member = members[job_key]
      for _, edge in ipairs(member and member.edges or {}) do
        todo[#todo + 1] = edge[1]
      end
      if not member or member.exists then
        for _, edge in ipairs(stored_edges(job_key)) do
          todo[#todo + 1] = edge.parent
        end
      end
    end
  end
  return false
end
