-- Removes jobs, children before parents, and unlinks those that stay; nothing while one of
-- `unlocked` is locked.
-- Refuses: locked KEY. Emits: the other parents' waiting or delayed, removed.
local base = KEYS[1]
local clock = ARGV[1]
local nonce = ARGV[2]
local unlocked = cmsgpack.unpack(ARGV[3])
local unlinks = cmsgpack.unpack(ARGV[4])
local removals = cmsgpack.unpack(ARGV[5])
-- include time
-- include state
-- include repeated
-- include settle_parent
-- include evict
local answer = recall(base, nonce)
if answer then
  return answer
end
for _, job_key in ipairs(unlocked) do
  if redis.call("EXISTS", job_key .. part.lock) == 1 then
    return "locked " .. job_key
  end
end
local now = time_of(clock)

-- A parent that goes too is not released.
local function forget_child(edge, job_key, going)
  redis.call("ZREM", edge.parent .. part.failed_children, job_key)
  if redis.call("SREM", edge.parent .. part.dependencies, job_key) == 1
    and not going[edge.parent] then
    release_parent_if_done(edge.parent, now)
  end
end

local function free_deduplication(job_base, id, name)
  local owner_key = job_base .. key.deduplication .. name
  if redis.call("GET", owner_key) == id then
    redis.call("DEL", owner_key, job_base .. key.next_deduplicated .. name)
  end
end

local function remove(job_key, parents_going, id)
  local job_base = string.sub(job_key, 1, #job_key - #id)
  local queue = queue_at(job_base)
  local previous = take_out(job_base, id)
  if redis.call("EXISTS", job_key) == 0 then
    return
  end
  local going = {}
  for _, parent_key in ipairs(parents_going) do
    going[parent_key] = true
  end
  local found = redis.call("HMGET", job_key, field.further_parents, field.deduplication_id)
  for _, edge in ipairs(stored_edges(job_key)) do
    forget_child(edge, job_key, going)
  end
  if found[2] then
    free_deduplication(job_base, id, found[2])
  end
  delete_job(job_base, id, found[1])
  emit(queue, "removed", "jobId", id, "prev", previous)
end

for _, edge in ipairs(unlinks) do
  unlink(edge[1], edge[2])
  redis.call("SREM", edge[2] .. part.dependencies, edge[1])
end
for _, removal in ipairs(removals) do
  remove(removal[1], removal[2], removal[3])
end
remember(base, nonce, "ok")
wake_queues()
return "ok"
