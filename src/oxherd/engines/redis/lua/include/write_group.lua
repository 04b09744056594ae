-- Writes a group of jobs that was judged; parents with nothing pending are released at the end.
-- include settle_parent
-- include adopt

local function note_settings(queue, version)
  note_event_cap(queue)
  if not queue.has_version then
    redis.call("HSET", queue.base .. key.meta, setting.version, version)
    queue.has_version = true
  end
end

-- The hash of a new job, as the arguments of HSET.
local function record_of(job, nonce, timestamp)
  local record = {
    field.name, job.name, field.data, job.data, field.options, job.options,
    field.timestamp, timestamp, field.delay, job.delay or 0, field.priority, job.priority or 0,
  }
  local function put(name, value)
    if value then
      record[#record + 1] = name
      record[#record + 1] = value
    end
  end
  local first = job.edges[1]
  put(field.parent_key, first and first[1])
  put(field.parent, first and first[3])
  put(field.further_parents, further_parents_of(job.edges))
  put(field.retention, job.retention)
  put(field.flow_id, job.flow_id)
  put(field.children_order, job.children_order)
  put(field.nonce, job.given and nonce)
  return record
end

local function store(job, nonce, version, now)
  local queue = queue_at(job.base)
  local timestamp = job.timestamp or now
  note_settings(queue, version)
  redis.call("INCR", job.base .. key.counter)
  redis.call("HSET", job.key, unpack(record_of(job, nonce, timestamp)))
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

local function settle_parents(group, needs, outer_parents, now)
  local function settle(parent_key)
    local need = needs[parent_key] or { "release-if-done" }
    apply_failure(need[1], parent_key, need[2], now)
  end
  for _, job in ipairs(group) do
    if job.is_parent and job.verdict == "new" then
      settle(job.key)
    end
  end
  for _, parent_key in ipairs(outer_parents) do
    settle(parent_key)
  end
end

local function write_group(group, nonce, version, now)
  local needs, pending, outer_parents, appended = {}, {}, {}, {}
  local function attach(edge, job_key)
    local parent_key = edge[1]
    if not pending[parent_key] then
      pending[parent_key] = {}
    end
    if not members[parent_key] then
      if not appended[parent_key] then
        appended[parent_key] = {}
        outer_parents[#outer_parents + 1] = parent_key
      end
      table.insert(appended[parent_key], cjson.encode(job_key))
    end
    return pending[parent_key]
  end
  for _, job in ipairs(group) do
    if job.verdict == "new" then
      store(job, nonce, version, now)
      for _, edge in ipairs(job.edges) do
        table.insert(attach(edge, job.key), job.key)
      end
    elseif job.verdict == "existing" then
      redis.call("INCR", job.base .. key.counter)
      emit(queue_at(job.base), "duplicated", "jobId", job.id)
      for _, edge in ipairs(job.edges) do
        adopt(job, edge, attach(edge, job.key), needs, now)
      end
      add_edges(job)
    end
  end
  for parent_key, child_keys in pairs(pending) do
    call_in_pieces("SADD", parent_key .. part.dependencies, child_keys)
  end
  for _, parent_key in ipairs(outer_parents) do
    local order = redis.call("HGET", parent_key, field.children_order)
    local names = table.concat(appended[parent_key], ",")
    redis.call("HSET", parent_key, field.children_order, order and order .. "," .. names or names)
  end
  settle_parents(group, needs, outer_parents, now)
end
