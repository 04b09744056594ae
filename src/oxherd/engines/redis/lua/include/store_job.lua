-- Stores a new job and puts it where it belongs.
-- include enqueue
-- include put
-- include parents

local function note_settings(queue, version)
  note_event_cap(queue)
  if not queue.has_version then
    redis.call("HSET", queue.base .. key.meta, setting.version, version)
    queue.has_version = true
  end
end

-- The stored list of the parents after the first, or nil.
local function further_parents_of(edges)
  local texts = {}
  for index = 2, #edges do
    texts[#texts + 1] = edges[index][4]
  end
  return #texts > 0 and "[" .. table.concat(texts, ",") .. "]" or nil
end

-- The hash of a new job, as the arguments of HSET.
local function record_of(job, timestamp)
  local record = {
    field.name, job.name, field.data, job.data, field.options, job.options,
    field.timestamp, text_of(timestamp), field.delay, job.delay or "0",
    field.priority, job.priority or "0",
  }
  local first = job.edges[1]
  if first then
    put(record, field.parent_key, first[1])
    put(record, field.parent, first[3])
    put(record, field.further_parents, further_parents_of(job.edges))
  end
  put(record, field.scheduler, job.schedule_id)
  put(record, field.deduplication_id, job.deduplication_id)
  put(record, field.retention, job.retention)
  put(record, field.flow_id, job.flow_id)
  put(record, field.children_order, job.children_order)
  put(record, field.nonce, job.nonce)
  return record
end

-- Writes the record of `job` (id, key, name, data, options, edges, and what it has of the rest),
-- tells of it, and lets it wait. The parents are the caller's to tell.
local function store_job(queue, job, timestamp)
  redis.call("HSET", job.key, unpack(record_of(job, timestamp)))
  if #job.edges > 1 then
    list_further(job.key, further_parents_of(job.edges))
  end
  emit(queue, "added", "jobId", job.id, "name", job.name)
  if job.is_parent then
    wait_for_children(queue, job.id, timestamp)
  elseif (job.delay or 0) > 0 then
    make_delayed(queue, job.id, timestamp + job.delay)
  else
    make_ready(queue, job.id, job.priority, job.lifo and "parent" or "back")
  end
end
