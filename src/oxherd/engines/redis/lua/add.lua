-- Adds groups of jobs, each group whole or not at all, parents before children.
-- Refuses: parent-missing KEY, parent-finished KEY STATE, own-ancestor KEY.
-- Emits: added and the state's own for each job, duplicated, the released parents' events.
local base = KEYS[1]
local clock = ARGV[1]
local version = ARGV[2]
local nonce = ARGV[3]
local again = tonumber(ARGV[4])
local groups = cmsgpack.unpack(ARGV[5])
-- include time
-- include repeated
-- include judge_group
-- include write_group
local answered = recall(base, nonce)
if answered then
  return answered
end
local now = time_of(clock)

-- A time for each job, negative for one that was there (or below one that was) before.
local function times_of(group)
  local times = {}
  for index, job in ipairs(group) do
    local time = tonumber(job.stored_timestamp) or job.timestamp or now
    times[index] = job.verdict == "new" and time or -time
  end
  return times
end

local answers, duplicates = {}, false
for index, group in ipairs(groups) do
  local own_nonce = nonce .. "-" .. index
  local refusal = judge_group(group, own_nonce, again == 1)
  if refusal then
    answers[index] = refusal
  else
    if not group.repeated then
      write_group(group, own_nonce, version, now)
      duplicates = duplicates or group.has_existing
    end
    answers[index] = times_of(group)
  end
end
if duplicates then
  -- What exists already says nothing of this call.
  remember(base, nonce, answers)
end
wake_queues()
return answers
