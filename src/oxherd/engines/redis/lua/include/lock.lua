-- Who holds a job: the token in its lock; and the end of holding it.
-- include queue
-- include state
local unstalled = {}

-- nil when `token` holds the job, else the answer for the item: "ok" when this very call was
-- done before (`settled` is what the job remembers of it).
local function refuse_unless_held(queue, id, token, verb, exists, settled)
  if redis.call("GET", queue.base .. id .. part.lock) == token and exists then
    return nil
  end
  local done = token .. " " .. verb
  if exists and settled == done then
    return "ok"
  end
  if exists then
    return "lock-lost " .. state_of(queue.base, id)
  end
  if redis.call("LPOS", queue.base .. key.gone, id .. " " .. done) then
    return "ok"
  end
  return "missing"
end

-- Takes a held job out of active and unlocks it. Its first write frees memory, so that a full
-- server lets jobs end; when it answers false nothing was written.
local function let_go(queue, id)
  if redis.call("LREM", queue.active, -1, id) == 0 then
    return false
  end
  redis.call("DEL", queue.base .. id .. part.lock)
  local ids = unstalled[queue.base] or {}
  ids[#ids + 1] = id
  unstalled[queue.base] = ids
  return true
end

-- Forgets that the last stalled check saw them.
local function clear_stalled()
  for base, ids in pairs(unstalled) do
    call_in_pieces("SREM", base .. key.stalled, ids)
  end
end
