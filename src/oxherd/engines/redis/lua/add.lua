-- Adds groups of jobs, each group whole or not at all, parents before children.
-- Refuses: parent-missing KEY, parent-finished KEY STATE, own-ancestor KEY. Emits: for each job
-- removed, deduplicated, added and its state's own, or duplicated; the released parents' events.
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
local answered = again == 1 and recall(base, nonce)
if answered then
  return answered
end
local now = time_of(clock)

-- The job's time, negative for one that was there (or below one that was) before; a list with the
-- id in front where that is not the given one, with a third item where the job was dropped for it.
local function answer_of(job)
  local time = tonumber(job.stored_timestamp) or job.timestamp or now
  if job.owner then
    return { job.owner, tonumber(job.owner_timestamp) or time, 1 }
  elseif job.numbered then
    return { job.id, time }
  end
  local is_added = job.verdict == "new" or job.verdict == "replaced"
  return is_added and time or -time
end

-- Whether what is stored does not say enough for this call to be answered again.
local must_remember = false

local function add(group, number)
  local refusal = judge_group(group, number, nonce, again == 1)
  if refusal then
    return refusal
  end
  if not group.repeated then
    write_group(group, number, nonce, version, now)
  end
  local answers = {}
  for index = 1, #group do
    answers[index] = answer_of(group[index])
    must_remember = must_remember or type(answers[index]) == "table"
  end
  must_remember = must_remember or group.has_existing
  return answers
end

local answers = {}
for index = 1, #groups do
  answers[index] = add(groups[index], index)
end
if must_remember then
  remember(base, nonce, answers)
end
write_counts()
wake_queues()
return answers
