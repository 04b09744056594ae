-- Reads the states of jobs.
-- Refuses nothing; "missing" for a job that does not exist.
-- Emits: nothing.
local base = KEYS[1]
local ids = cmsgpack.unpack(ARGV[1])
-- include state
local states = {}
for index, id in ipairs(ids) do
  states[index] = redis.call("EXISTS", base .. id) == 1 and state_of(base, id) or "missing"
end
return states
