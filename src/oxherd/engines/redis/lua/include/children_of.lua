-- The children of a job, however each ended.
-- include keys
local function children_of(job_key)
  local children = {}
  if redis.call("EXISTS", job_key .. part.dependencies, job_key .. part.processed,
    job_key .. part.ignored_children, job_key .. part.failed_children) == 0 then
    return children
  end
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
