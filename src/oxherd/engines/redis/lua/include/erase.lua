-- Removes jobs in numbers, silently. What is done at once is counted, so that steps stay short.
-- include remove_job
-- include children_of
-- include scheduled
-- include unlink
local none_going = {}

-- Takes an id out of where it is known to be; the oldest of a list is on its right.
local function take_from(base, structure, id)
  if structure == key.waiting or structure == key.legacy_paused or structure == key.active then
    return redis.call("LREM", base .. structure, -1, id) == 1
  end
  return redis.call("ZREM", base .. structure, id) == 1
end

-- Removes a job from its structure and for good; its parents and its children forget it. Answers
-- how much work that was; nil when it was not there any more.
local function erase(queue, structure, id, going, now)
  if not take_from(queue.base, structure, id) then
    return nil
  end
  local job_key = queue.base .. id
  local children = children_of(job_key)
  for _, child_key in ipairs(children) do
    unlink(child_key, job_key)
  end
  delete_record(queue.base, id, going, now)
  return 1 + #children
end

-- Up to `most` ids of a structure, the oldest of a list first; the next jobs of schedules are
-- passed over unless `all`.
local function some_of(base, structure, most, all)
  local ids, seen = {}, 0
  local is_list = structure == key.waiting or structure == key.legacy_paused
    or structure == key.active
  while #ids < most do
    local found = is_list and redis.call("LRANGE", base .. structure, -seen - most, -seen - 1)
      or redis.call("ZRANGE", base .. structure, seen, seen + most - 1)
    if #found == 0 then
      break
    end
    seen = seen + #found
    for index = 1, #found do
      local id = found[is_list and #found + 1 - index or index]
      if #ids < most and (all or not is_next_of_schedule(base, id)) then
        ids[#ids + 1] = id
      end
    end
  end
  return ids
end
