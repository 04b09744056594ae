-- Takes a job out of all that knows it.
-- include state
-- include settle_parent
-- include evict
-- include deduplication

-- A parent that goes too is not released.
local function forget_child(edge, job_key, going, now)
  redis.call("ZREM", edge.parent .. part.failed_children, job_key)
  if redis.call("SREM", edge.parent .. part.dependencies, job_key) == 1
    and not going[edge.parent] then
    release_parent_if_done(edge.parent, now)
  end
end

-- Deletes the record of a job that no structure holds any more, with its deduplication id; its
-- parents forget it, and those not in `going` may be released. Whether there was such a job.
local function delete_record(base, id, going, now)
  local job_key = base .. id
  local found = redis.call("HMGET", job_key, field.further_parents, field.deduplication_id,
    field.parent_key, field.timestamp)
  if not found[4] and redis.call("EXISTS", job_key) == 0 then
    return false
  end
  for _, edge in ipairs(edges_of(found[3], nil, found[1])) do
    forget_child(edge, job_key, going, now)
  end
  if found[2] then
    free_deduplication(base, id, found[2])
  end
  delete_job(base, id, found[1])
  return true
end

-- Answers where the job was; nil when there was no such job.
local function remove_job(base, id, going, now)
  local previous = take_out(base, id)
  return delete_record(base, id, going, now) and previous or nil
end
