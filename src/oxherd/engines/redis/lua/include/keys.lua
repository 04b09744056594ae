-- The names of keys; keys.py is the same list. A job's key is its queue's base and its id.
local key = {
  active = "active",
  completed = "completed",
  completed_count = "metrics:completed",
  completed_points = "metrics:completed:data",
  counter = "id",
  deduplication = "de:",
  delayed = "delayed",
  events = "events",
  failed = "failed",
  failed_count = "metrics:failed",
  failed_points = "metrics:failed:data",
  legacy_paused = "paused",
  limiter = "limiter",
  marker = "marker",
  meta = "meta",
  next_deduplicated = "dn:",
  prioritized = "prioritized",
  priority_counter = "pc",
  scheduler = "repeat:",
  schedulers = "repeat",
  stalled = "stalled",
  stalled_check = "stalled-check",
  waiting = "wait",
  waiting_children = "waiting-children",
  gone = "ox:gone",
  several_parents = "ox:parents",
  shared_children = "ox:shared",
}
local part = {
  dependencies = ":dependencies",
  failed_children = ":unsuccessful",
  ignored_children = ":failed",
  lock = ":lock",
  logs = ":logs",
  processed = ":processed",
}

-- The base (with its colon) and the id of a full job key; a schedule's jobs have colons in theirs.
local function split_key(job_key)
  if string.find(job_key, ":repeat:", 1, true) then
    local base, id = string.match(job_key, "^(.-:[^:]+:)(repeat:.+:%d+)$")
    if base then
      return base, id
    end
  end
  return string.match(job_key, "^(.*:)([^:]*)$")
end

-- The base of the queue of a full job key.
local function base_of(job_key)
  local base = split_key(job_key)
  return base
end
