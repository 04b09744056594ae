-- Writes a group of jobs that was judged; parents with nothing pending are released at the end.
-- include append_children
-- include number
-- include settle_parent
-- include adopt
-- include store_job
-- include deduplicate
-- include replaced

local function write_new(group, job, number, nonce, version, now)
  local queue = queue_at(job.base)
  local timestamp = job.timestamp or now
  note_settings(queue, version)
  if job.numbered then
    job.id = next_number(job.base)
    job.key = job.base .. job.id
    members[job.key] = job
  else
    count_job(job.base)
  end
  if job.deduplication then
    local owner, replaced = deduplicate(queue, job, timestamp, now)
    if owner then
      job.verdict, job.owner = "dropped", owner
      job.owner_timestamp = redis.call("HGET", job.base .. owner, field.timestamp)
      group.has_dropped = true
      return
    end
    if replaced then
      note_replaced(group, job.base .. replaced)
    end
    job.deduplication_id = job.deduplication.id
  end
  if job.given then
    job.nonce = nonce_of(nonce, number)
  end
  job.written = true
  store_job(queue, job, timestamp)
end

-- rare
local function write_existing(job)
  job.written = true
  count_job(job.base)
  emit(queue_at(job.base), "duplicated", "jobId", job.id)
end

-- The children that each parent is to wait for, what failures ask of parents, and for parents
-- outside the group the names of their children to come.
local function attach_all(group, now)
  local pending, needs, appended, outer_parents = {}, {}, {}, {}
  for _, job in ipairs(group) do
    local is_new = job.verdict == "new"
    if is_new or job.verdict == "existing" then
      for _, edge in ipairs(job.edges) do
        local parent_key = edge[1]
        pending[parent_key] = pending[parent_key] or {}
        if not members[parent_key] then
          if not appended[parent_key] then
            appended[parent_key] = {}
            outer_parents[#outer_parents + 1] = parent_key
          end
          table.insert(appended[parent_key], cjson.encode(job.key))
        end
        if is_new then
          table.insert(pending[parent_key], job.key)
        else
          adopt(job, edge, pending[parent_key], needs, now)
        end
      end
      if not is_new then
        add_edges(job)
      end
    end
  end
  for parent_key, child_keys in pairs(pending) do
    call_in_pieces("SADD", parent_key .. part.dependencies, child_keys)
  end
  for _, parent_key in ipairs(outer_parents) do
    append_children(parent_key, table.concat(appended[parent_key], ","))
  end
  return pending, needs, outer_parents
end

local function settle_parents(group, now, pending, needs, outer_parents)
  local function settle(parent_key)
    local need = needs[parent_key]
    if need or #(pending[parent_key] or {}) == 0 then
      need = need or { "release-if-done" }
      apply_failure(need[1], parent_key, need[2], now)
    end
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

local function write_group(group, number, nonce, version, now)
  for index = 1, #group do
    local job = group[index]
    if group.has_dropped and job.verdict ~= "skipped" then
      judge_edges(job)
    end
    if job.verdict == "new" then
      write_new(group, job, number, nonce, version, now)
    elseif job.verdict == "existing" then
      write_existing(job)
    end
  end
  -- A lone job without parents has no edges.
  if #group > 1 or group[1].parents or group[1].is_parent then
    settle_parents(group, now, attach_all(group, now))
  end
end
