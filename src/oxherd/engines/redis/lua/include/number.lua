-- A queue numbers all its jobs, also those that came with an id; these are counted together.
-- include queue
local uncounted = {}

local function count_job(base)
  uncounted[base] = (uncounted[base] or 0) + 1
end

local function next_number(base)
  count_job(base)
  local number = redis.call("INCRBY", base .. key.counter, uncounted[base])
  uncounted[base] = nil
  return text_of(number)
end

local function write_counts()
  for base, count in pairs(uncounted) do
    redis.call("INCRBY", base .. key.counter, count)
  end
end
