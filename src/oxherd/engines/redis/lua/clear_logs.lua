-- Removes a job's log lines but the newest.
-- Refuses: missing.
-- Emits: nothing.
local base = KEYS[1]
local id = ARGV[1]
local keep = tonumber(ARGV[2])
-- include keys
if redis.call("EXISTS", base .. id) == 0 then
  return "missing"
end
if keep > 0 then
  redis.call("LTRIM", base .. id .. part.logs, -keep, -1)
else
  redis.call("DEL", base .. id .. part.logs)
end
return "ok"
