-- Calls that carry no lock token are known by a nonce, so that one sent twice is done once.
-- include keys
local answered_ms = 60000

-- Not among the queue's keys, which programs count; keys.py has the same.
local function call_key(base, nonce)
  return string.sub(base, 1, -2) .. "-ox:call-" .. nonce
end

-- The nonce of a group of this call; asked only for jobs whose ids were given.
local function nonce_of(nonce, number)
  return nonce .. "-" .. number
end

-- rare
local function recall(base, nonce)
  local answer = redis.call("GET", call_key(base, nonce))
  return answer and cmsgpack.unpack(answer)
end

-- rare
local function remember(base, nonce, answer)
  redis.call("SET", call_key(base, nonce), cmsgpack.pack(answer), "PX", answered_ms)
end

-- Whether a job has ended and gone already, which its hash cannot say any more. Asked only when
-- a call is sent again.
-- rare
local function is_gone(job)
  for _, entry in ipairs(redis.call("LRANGE", job.base .. key.gone, 0, -1)) do
    if string.sub(entry, 1, #job.id + 1) == job.id .. " " then
      return true
    end
  end
  return false
end
