-- Who owns a deduplication id, and what the owner's end does: it frees the id, and the newest job
-- that was dropped while the owner ran follows.
-- include append_children
-- include store_job
-- include state

-- With `keep_last` the id is owned until the owner ends, whatever its time to live.
-- rare
local function own_deduplication(owner_key, id, ttl, keep_last)
  if (ttl or 0) > 0 and not keep_last then
    redis.call("SET", owner_key, id, "PX", ttl)
  else
    redis.call("SET", owner_key, id)
  end
end

-- A removed job gives back what it owns.
-- rare
local function free_deduplication(base, id, name)
  local owner_key = base .. key.deduplication .. name
  if redis.call("GET", owner_key) == id then
    redis.call("DEL", owner_key, base .. key.next_deduplicated .. name)
  end
end

-- The kept job, as `store_job` takes it; its parent, if any, only while that has not ended.
local function read_kept(base, name, kept, id)
  local fine, options = pcall(cjson.decode, kept[3])
  options = fine and type(options) == "table" and options or {}
  local edges = {}
  if kept[5] and kept[6] and redis.call("EXISTS", kept[5]) == 1 and not end_of(kept[5]) then
    edges[1] = { kept[5], policy_of(kept[6]), kept[6] }
  end
  return {
    id = id, key = base .. id, name = kept[1], data = kept[2], options = kept[3],
    delay = tonumber(options.delay), priority = tonumber(options.priority),
    lifo = options.lifo == true, edges = edges, schedule_id = kept[7], flow_id = kept[8],
    deduplication_id = name,
  }, type(options.de) == "table" and options.de or {}
end

local function add_kept(queue, name, now)
  local next_key = queue.base .. key.next_deduplicated .. name
  local kept = redis.call("HMGET", next_key, kept_field.name, kept_field.data,
    kept_field.options, kept_field.id, kept_field.parent_key, kept_field.parent,
    kept_field.scheduler, field.flow_id)
  if not kept[1] then
    return
  end
  redis.call("DEL", next_key)
  note_event_cap(queue)
  local number = redis.call("INCR", queue.base .. key.counter)
  local id = kept[4] or text_of(number)
  if redis.call("EXISTS", queue.base .. id) == 1 then
    -- Somebody added a job of that id meanwhile.
    emit(queue, "duplicated", "jobId", id)
    return
  end
  local job, asked = read_kept(queue.base, name, kept, id)
  own_deduplication(queue.base .. key.deduplication .. name, id, tonumber(asked.ttl),
    asked.keepLastIfActive == true)
  store_job(queue, job, now)
  if job.edges[1] then
    redis.call("SADD", job.edges[1][1] .. part.dependencies, job.key)
    append_children(job.edges[1][1], cjson.encode(job.key))
  end
end

-- A job ended: unless the id has a time to live it is free, and whoever was kept for it follows.
-- rare
local function end_deduplication(queue, id, name, now)
  local owner_key = queue.base .. key.deduplication .. name
  local owner = redis.call("GET", owner_key)
  if owner and owner ~= id then
    return
  end
  if owner and redis.call("PTTL", owner_key) <= 0 then
    redis.call("DEL", owner_key)
  end
  add_kept(queue, name, now)
end
