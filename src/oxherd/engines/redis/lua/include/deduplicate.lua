-- What becomes of a new job whose deduplication id another job owns.
-- include deduplication
-- include remove_job
-- include children_of
-- include unlink

local function tell_dropped(queue, stays, name, dropped)
  emit(queue, "deduplicated", "jobId", stays, "deduplicationId", name, "deduplicatedJobId",
    dropped)
end

-- A delayed owner makes way; whether it did. The time to live runs on, unless each job starts it.
local function replace_owner(queue, owner, owner_key, job, asked, now)
  if not redis.call("ZSCORE", queue.base .. key.delayed, owner) then
    return false
  end
  if (asked.ttl or 0) > 0 and not asked.extend and not asked.keep_last then
    redis.call("SET", owner_key, job.id, "KEEPTTL")
  else
    own_deduplication(owner_key, job.id, asked.ttl, asked.keep_last)
  end
  redis.call("DEL", queue.base .. key.next_deduplicated .. asked.id)
  for _, child_key in ipairs(children_of(queue.base .. owner)) do
    unlink(child_key, queue.base .. owner)
  end
  remove_job(queue.base, owner, {}, now)
  emit(queue, "removed", "jobId", owner, "prev", key.delayed)
  tell_dropped(queue, job.id, asked.id, owner)
  return true
end

-- An owner without a record owns nothing, unless its id is owned for a time.
local function is_stale(queue, owner, owner_key)
  return redis.call("PTTL", owner_key) == -1
    and redis.call("EXISTS", queue.base .. owner) == 0
end

-- The newest job that is dropped while the owner runs follows it.
local function keep_for_later(queue, owner_key, job, asked)
  local next_key = queue.base .. key.next_deduplicated .. asked.id
  local kept = {
    kept_field.name, job.name, kept_field.data, job.data, kept_field.options, job.options,
    kept_field.id, job.id,
  }
  local function put(name, value)
    if value then
      kept[#kept + 1] = name
      kept[#kept + 1] = value
    end
  end
  local first = job.edges[1]
  put(kept_field.parent_key, first and first[1])
  put(kept_field.parent, first and first[3])
  put(kept_field.dependencies_key, first and first[1] .. part.dependencies)
  put(field.flow_id, job.flow_id)
  redis.call("DEL", next_key)
  redis.call("HSET", next_key, unpack(kept))
  redis.call("PERSIST", owner_key)
end

-- The owner for which `job` is dropped; nil when the job owns the id now, and is to be stored.
-- The second answer is the owner whose place it takes, if it does.
-- rare
local function deduplicate(queue, job, timestamp, now)
  local asked = job.deduplication
  local owner_key = queue.base .. key.deduplication .. asked.id
  local owner = redis.call("GET", owner_key)
  if not owner then
    own_deduplication(owner_key, job.id, asked.ttl, asked.keep_last)
    return nil
  end
  local may_replace = asked.replace and not job.is_parent
  if may_replace and replace_owner(queue, owner, owner_key, job, asked, now) then
    return nil, owner
  end
  if is_stale(queue, owner, owner_key) then
    redis.call("DEL", queue.base .. key.next_deduplicated .. asked.id)
    own_deduplication(owner_key, job.id, asked.ttl, asked.keep_last)
    return nil
  end
  if asked.keep_last and redis.call("LPOS", queue.base .. key.active, owner) then
    keep_for_later(queue, owner_key, job, asked)
  elseif may_replace then
    return owner
  elseif asked.extend and (asked.ttl or 0) > 0 then
    own_deduplication(owner_key, owner, asked.ttl, asked.keep_last)
  end
  tell_dropped(queue, owner, asked.id, job.id)
  if asked.reschedule and not may_replace and not job.is_parent
    and redis.call("ZSCORE", queue.base .. key.delayed, owner) then
    redis.call("HSET", queue.base .. owner, field.delay, job.delay or 0)
    make_delayed(queue, owner, timestamp + (job.delay or 0))
  end
  return owner
end
