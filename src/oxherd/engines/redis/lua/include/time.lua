-- The store's time in milliseconds: the server's, or the one that a test gives.
local function time_of(clock)
  if clock ~= "" then
    return tonumber(clock)
  end
  local time = redis.call("TIME")
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
