-- Removes all that a paused queue has: a step of at most about `most` jobs or schedules, then the
-- `strays`, and with `last` its own keys. Answers "more" while jobs or schedules are left.
-- Refuses: active ID, without `force`. Emits: the other queues' parents' waiting or delayed.
local base = KEYS[1]
local clock = ARGV[1]
local force = tonumber(ARGV[2])
local most = tonumber(ARGV[3])
local strays = cmsgpack.unpack(ARGV[4])
local last = tonumber(ARGV[5])
-- include time
-- include erase
local running = redis.call("LINDEX", base .. key.active, -1)
if running and force == 0 then
  return "active " .. running
end
local now = time_of(clock)
local queue = queue_at(base)
-- Parents in this queue go too, sooner or later.
local going = setmetatable({}, {
  __index = function(_, parent_key)
    return base_of(parent_key) == base
  end,
})

local work = 0
for _, name in ipairs({ key.active, key.waiting_children, key.delayed, key.completed, key.waiting,
  key.legacy_paused, key.prioritized, key.failed }) do
  for _, id in ipairs(work < most and some_of(base, name, most - work, true) or {}) do
    if work >= most then
      break
    end
    redis.call("DEL", base .. id .. part.lock)
    work = work + (erase(queue, name, id, going, now) or 0)
  end
end
if work < most then
  for _, id in ipairs(redis.call("ZRANGE", base .. key.schedulers, 0, most - 1)) do
    redis.call("DEL", base .. key.scheduler .. id)
    redis.call("ZREM", base .. key.schedulers, id)
    work = work + 1
  end
end
wake_queues()
if work > 0 then
  return "more"
end
for _, stray in ipairs(strays) do
  redis.call("DEL", stray)
end
if last == 1 then
  for _, name in pairs(key) do
    redis.call("DEL", base .. name)
  end
end
return "ok"
