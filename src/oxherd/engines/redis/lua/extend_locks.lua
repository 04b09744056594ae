-- Holds jobs for another while.
-- Refuses: missing, lock-lost STATE.
-- Emits: nothing.
local base = KEYS[1]
local lock_ms = tonumber(ARGV[1])
local items = cmsgpack.unpack(ARGV[2])
-- include lock
local answers, kept = {}, {}
for index, item in ipairs(items) do
  local id, token = item[1], item[2]
  if redis.call("GET", base .. id .. part.lock) == token then
    -- No SET: a server without room refuses that one.
    redis.call("PEXPIRE", base .. id .. part.lock, lock_ms)
    kept[#kept + 1] = id
    answers[index] = "ok"
  elseif redis.call("EXISTS", base .. id) == 1 then
    answers[index] = "lock-lost " .. state_of(base, id)
  else
    answers[index] = "missing"
  end
end
call_in_pieces("SREM", base .. key.stalled, kept)
return answers
