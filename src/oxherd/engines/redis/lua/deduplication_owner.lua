-- Reads which job owns a deduplication id.
-- Refuses nothing; nothing when it is free.
-- Emits: nothing.
local base = KEYS[1]
local name = ARGV[1]
-- include keys
local owner_key = base .. key.deduplication .. name
local owner = redis.call("GET", owner_key)
-- Without a record it owns nothing, unless for a time.
if owner and redis.call("PTTL", owner_key) == -1 and redis.call("EXISTS", base .. owner) == 0 then
  return false
end
return owner
