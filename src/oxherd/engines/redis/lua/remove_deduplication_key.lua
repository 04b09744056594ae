-- Frees a deduplication id; with a job's id only if that job owns it.
-- Refuses nothing; answers whether it was owned.
-- Emits: nothing.
local base = KEYS[1]
local nonce = ARGV[1]
local name = ARGV[2]
local id = ARGV[3]
-- include keys
-- include repeated
local answer = recall(base, nonce)
if answer then
  return answer
end
local owner_key = base .. key.deduplication .. name
if id ~= "" and redis.call("GET", owner_key) ~= id then
  return 0
end
answer = redis.call("DEL", owner_key)
remember(base, nonce, answer)
return answer
