-- Appends log lines, keeping the newest that the job's options allow; answers how many there are.
-- Refuses: missing, lock-lost STATE.
-- Emits: nothing.
local base = KEYS[1]
local id = ARGV[1]
local token = ARGV[2]
local lines = cmsgpack.unpack(ARGV[3])
-- include fenced
-- include enqueue
local refusal = refuse_unless_fenced(base, id, token)
if refusal then
  return refusal
end
local logs = base .. id .. part.logs
call_in_pieces("RPUSH", logs, lines)
local keep = tonumber(option_of(redis.call("HGET", base .. id, field.options), "kl"))
if keep == 0 then
  redis.call("DEL", logs)
elseif keep then
  redis.call("LTRIM", logs, -keep, -1)
end
return redis.call("LLEN", logs)
