-- Reads schedules by rank, next due first or last.
-- Refuses nothing; what an older client's definition lacks is for the caller to see.
-- Emits: nothing. Answers {id, when, its fields} for each.
local base = KEYS[1]
local first = tonumber(ARGV[1])
local last = tonumber(ARGV[2])
local ascending = tonumber(ARGV[3])
-- include keys
local name = base .. key.schedulers
local found = ascending == 1 and redis.call("ZRANGE", name, first, last, "WITHSCORES")
  or redis.call("ZRANGE", name, first, last, "REV", "WITHSCORES")
local schedules = {}
for index = 1, #found, 2 do
  schedules[#schedules + 1] = {
    found[index], found[index + 1], redis.call("HGETALL", base .. key.scheduler .. found[index]),
  }
end
return schedules
