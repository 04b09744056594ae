-- Stores a job's progress; a call sent twice (same nonce) writes one event.
-- Refuses: missing, lock-lost STATE.
-- Emits: progress.
local base = KEYS[1]
local id = ARGV[1]
local token = ARGV[2]
local progress = ARGV[3]
local nonce = ARGV[4]
-- include fenced
-- include emit
local refusal = refuse_unless_fenced(base, id, token)
if refusal then
  return refusal
end
if redis.call("HGET", base .. id, field.progress_nonce) == nonce then
  return "ok"
end
redis.call("HSET", base .. id, field.progress, progress, field.progress_nonce, nonce)
emit(queue_at(base), "progress", "jobId", id, "data", progress)
return "ok"
