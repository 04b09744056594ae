-- Who holds a job: the token in its lock; and the end of holding it.
-- include queue
-- include state
local unlocked, unstalled = {}, {}

-- The locks of the jobs of these items, and the tokens in them, false where there is none.
local function read_locks(queue, items)
  local locks = {}
  for index = 1, #items do
    locks[index] = queue.base .. items[index][1] .. part.lock
  end
  return locks, read_in_pieces("MGET", locks)
end

-- The answer for an item whose job its token does not hold: "ok" when this very call was done
-- before, which the job remembers.
-- rare
local function refusal_of(queue, id, token, verb, exists)
  local done = token .. " " .. verb
  if exists then
    if redis.call("HGET", queue.base .. id, field.settled) == done then
      return "ok"
    end
    return "lock-lost " .. state_of(queue.base, id)
  end
  if redis.call("LPOS", queue.base .. key.gone, id .. " " .. done) then
    return "ok"
  end
  return "missing"
end

-- Takes a held job out of active. This first write frees memory, so that a full server lets jobs
-- end; when it answers false nothing was written, and the job is not held any more.
local function let_go(queue, id, lock)
  if redis.call("LREM", queue.active, "-1", id) == 0 then
    return false
  end
  unlocked[#unlocked + 1] = lock
  unstalled[#unstalled + 1] = id
  return true
end

-- Removes the locks of all that was let go, and forgets that the last stalled check saw it.
local function unlock(queue)
  if #unlocked > 0 then
    count_in_pieces("DEL", unlocked)
    call_in_pieces("SREM", queue.base .. key.stalled, unstalled)
  end
end
