-- Reads some of a job's children, in the order of their definition.
-- Refuses nothing; a job that does not exist has none.
-- Emits: nothing. Answers {total, {key, status, value}, …}.
local base = KEYS[1]
local id = ARGV[1]
local first = tonumber(ARGV[2])
local count = tonumber(ARGV[3])
-- include keys
-- include fields
local job_key = base .. id
local status_of, total = {}, 0
if redis.call("EXISTS", job_key) == 0 then
  return { 0 }
end

local function note(child_keys, status)
  for _, child_key in ipairs(child_keys) do
    if not status_of[child_key] then
      total = total + 1
    end
    status_of[child_key] = status
  end
end

note(redis.call("HKEYS", job_key .. part.ignored_children), "ignored")
note(redis.call("ZRANGE", job_key .. part.failed_children, 0, -1), "failed")
note(redis.call("HKEYS", job_key .. part.processed), "processed")
note(redis.call("SMEMBERS", job_key .. part.dependencies), "pending")

-- Children that the stored order does not name come before those that it does: it is left out
-- for a first child alone, and another client's flows have none. A child named twice was added
-- again: the last mention counts.
local order = redis.call("HGET", job_key, field.children_order)
local fine, listed = pcall(cjson.decode, "[" .. (order or "") .. "]")
listed = fine and listed or {}
local named, last_named = {}, {}
for index = #listed, 1, -1 do
  local child_key = listed[index]
  if status_of[child_key] and not named[child_key] then
    named[child_key] = true
    last_named[#last_named + 1] = child_key
  end
end
local ordered = {}
for child_key in pairs(status_of) do
  if not named[child_key] then
    ordered[#ordered + 1] = child_key
  end
end
table.sort(ordered)
for index = #last_named, 1, -1 do
  ordered[#ordered + 1] = last_named[index]
end

local answer = { total }
local last = count < 0 and #ordered or math.min(first + count, #ordered)
for index = first + 1, last do
  local child_key = ordered[index]
  local status = status_of[child_key]
  local value = ""
  if status == "processed" then
    value = redis.call("HGET", job_key .. part.processed, child_key)
  elseif status == "ignored" then
    value = redis.call("HGET", job_key .. part.ignored_children, child_key)
  end
  answer[#answer + 1] = { child_key, status, value }
end
return answer
