-- Calls about one job: an administrator's carries no token, a processor's must hold the job.
-- include queue
-- include state
local function refuse_unless_fenced(base, id, token)
  if redis.call("EXISTS", base .. id) == 0 then
    return "missing"
  end
  if token ~= "" and redis.call("GET", base .. id .. part.lock) ~= token then
    return "lock-lost " .. state_of(base, id)
  end
  return nil
end
