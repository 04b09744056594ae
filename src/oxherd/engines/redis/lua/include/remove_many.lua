-- A step of removing jobs with what is below them: children before parents.
-- include remove_job
-- include unlink

-- The first that is held; who holds a job must end it first.
local function locked_among(job_keys)
  for _, job_key in ipairs(job_keys) do
    if redis.call("EXISTS", job_key .. part.lock) == 1 then
      return job_key
    end
  end
  return nil
end

-- {child key, parent key} of those that stay while the parent goes, or loses them.
local function unlink_many(unlinks)
  for _, edge in ipairs(unlinks) do
    unlink(edge[1], edge[2])
    redis.call("SREM", edge[2] .. part.dependencies, edge[1])
  end
end

-- {key, parents that go too, id} of each; a parent that goes too is not released.
local function remove_many(removals, now)
  for _, removal in ipairs(removals) do
    local job_key, id = removal[1], removal[3]
    local base = string.sub(job_key, 1, #job_key - #id)
    local going = {}
    for _, parent_key in ipairs(removal[2]) do
      going[parent_key] = true
    end
    local previous = remove_job(base, id, going, now)
    if previous then
      emit(queue_at(base), "removed", "jobId", id, "prev", previous)
    end
  end
end
