-- Calls that carry no lock token are known by a nonce, so that one sent twice is done once.
-- include keys
local answered_ms = 60000

local function recall(base, nonce)
  local answer = redis.call("GET", base .. key.answered_call .. nonce)
  return answer and cmsgpack.unpack(answer)
end

local function remember(base, nonce, answer)
  redis.call("SET", base .. key.answered_call .. nonce, cmsgpack.pack(answer), "PX", answered_ms)
end

-- Whether a job has ended and gone already, which its hash cannot say any more. Asked only when
-- a call is sent again.
local function is_gone(job)
  for _, entry in ipairs(redis.call("LRANGE", job.base .. key.gone, 0, -1)) do
    if string.sub(entry, 1, #job.id + 1) == job.id .. " " then
      return true
    end
  end
  return false
end
