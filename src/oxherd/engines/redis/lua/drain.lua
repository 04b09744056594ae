-- Removes ready jobs, with `delayed_too` delayed ones too: a step of at most about `most`.
-- Refuses nothing; the next jobs of schedules stay. Answers how many went.
-- Emits: the parents' waiting or delayed.
local base = KEYS[1]
local clock = ARGV[1]
local nonce = ARGV[2]
local delayed_too = tonumber(ARGV[3])
local most = tonumber(ARGV[4])
-- include time
-- include repeated
-- include erase
local answer = recall(base, nonce)
if answer then
  return answer
end
local now = time_of(clock)
local queue = queue_at(base)
local names = { key.waiting, key.legacy_paused, key.prioritized }
if delayed_too == 1 then
  names[#names + 1] = key.delayed
end
local gone, work = 0, 0
for _, name in ipairs(names) do
  for _, id in ipairs(some_of(base, name, most - gone)) do
    if work >= most then
      break
    end
    work = work + (erase(queue, name, id, none_going, now) or 0)
    gone = gone + 1
  end
end
remember(base, nonce, gone)
wake_queues()
return gone
