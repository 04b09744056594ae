-- Removes those of some jobs that are still in their state: a step; with `total`, says how many.
-- Refuses nothing; those that are locked, or the next of a schedule, stay.
-- Emits: the parents' waiting or delayed; cleaned. Answers {how many were looked at, ids gone}.
local base = KEYS[1]
local clock = ARGV[1]
local nonce = ARGV[2]
local structure = ARGV[3]
local ids = cmsgpack.unpack(ARGV[4])
local most = tonumber(ARGV[5])
local total = tonumber(ARGV[6])
-- include time
-- include repeated
-- include erase
local answer = recall(base, nonce)
if answer then
  return answer
end
local now = time_of(clock)
local queue = queue_at(base)
local gone, looked_at, work = {}, 0, 0
for _, id in ipairs(ids) do
  if work >= most then
    break
  end
  looked_at = looked_at + 1
  if redis.call("EXISTS", base .. id .. part.lock) == 0 and not is_next_of_schedule(base, id) then
    local done = erase(queue, structure, id, none_going, now)
      or structure == key.waiting and erase(queue, key.legacy_paused, id, none_going, now)
    if done then
      work = work + done
      gone[#gone + 1] = id
    end
  end
end
if total >= 0 then
  emit(queue, "cleaned", "count", total)
end
answer = { looked_at, gone }
remember(base, nonce, answer)
wake_queues()
return answer
