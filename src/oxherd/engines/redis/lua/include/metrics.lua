-- Counts the jobs that ended, and keeps a point for each minute.
-- include queue
local minute_ms = 60000

-- rare
local function count_ended(base, count_name, points_name, ended, most, now)
  if ended == 0 then
    return
  end
  local counts, points = base .. count_name, base .. points_name
  local before = redis.call("HINCRBY", counts, "count", ended) - ended
  local last = redis.call("HMGET", counts, "prevTS", "prevCount")
  if not last[1] then
    redis.call("HSET", counts, "prevTS", now, "prevCount", 0)
    return
  end
  local minutes = math.floor(now / minute_ms) - math.floor(tonumber(last[1]) / minute_ms)
  if minutes <= 0 then
    return
  end
  local new_points = { before - (tonumber(last[2]) or 0) }
  for index = 2, math.min(minutes, most) do
    new_points[index] = 0
  end
  call_in_pieces("LPUSH", points, new_points)
  redis.call("LTRIM", points, 0, most - 1)
  redis.call("HSET", counts, "prevCount", before, "prevTS", now)
end
