-- Replaces a job's data.
-- Refuses: missing, lock-lost STATE.
-- Emits: nothing.
local base = KEYS[1]
local id = ARGV[1]
local token = ARGV[2]
local data = ARGV[3]
-- include fenced
local refusal = refuse_unless_fenced(base, id, token)
if refusal then
  return refusal
end
redis.call("HSET", base .. id, field.data, data)
return "ok"
