-- Takes the next ids off a queue.
-- include keys
-- include read_record

-- The next ids, waiting ones before prioritized ones; an old client's marker is among them.
local function take_next(base, count)
  local ids = redis.call("RPOP", base .. key.waiting, count) or {}
  if #ids < count then
    local popped = redis.call("ZPOPMIN", base .. key.prioritized, count - #ids)
    if #popped == 0 then
      redis.call("DEL", base .. key.priority_counter)
    end
    for index = 1, #popped, 2 do
      ids[#ids + 1] = popped[index]
    end
  end
  return ids
end
