-- Reads since when jobs of one state have ended, else run, else been there: a step from `first`.
-- Refuses nothing; leaves out those for which it is shorter than `grace` milliseconds.
-- Emits: nothing. Answers {how many were looked at, id, time, …}, the longest there first.
local base = KEYS[1]
local clock = ARGV[1]
local structure = ARGV[2]
local grace = tonumber(ARGV[3])
local first = tonumber(ARGV[4])
local most = tonumber(ARGV[5])
-- include keys
-- include fields
-- include time
local latest = time_of(clock) - grace
local answer = { 0 }
if structure == key.completed or structure == key.failed then
  local found = redis.call("ZRANGE", base .. structure, "-inf", latest, "BYSCORE", "LIMIT", first,
    most, "WITHSCORES")
  for index = 1, #found do
    answer[index + 1] = found[index]
  end
  answer[1] = #found / 2
  return answer
end
local ids
if structure == key.waiting or structure == key.legacy_paused or structure == key.active then
  local turned = redis.call("LRANGE", base .. structure, -first - most, -first - 1)
  ids = {}
  for index = #turned, 1, -1 do
    ids[#ids + 1] = turned[index]
  end
else
  ids = redis.call("ZRANGE", base .. structure, first, first + most - 1)
end
for _, id in ipairs(ids) do
  local found = redis.pcall("HMGET", base .. id, field.finished_on, field.processed_on,
    field.timestamp)
  local since = found[1] or found[2] or found[3] or "0"
  if (tonumber(since) or 0) <= latest then
    answer[#answer + 1] = id
    answer[#answer + 1] = since
  end
end
answer[1] = #ids
return answer
