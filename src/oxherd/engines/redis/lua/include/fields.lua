-- The names of hash fields, settings, flags and events; wire.py is the same list.
local field = {
  attempts_made = "atm",
  attempts_started = "ats",
  data = "data",
  deduplication_id = "deid",
  deferred_failure = "defa",
  delay = "delay",
  failed_reason = "failedReason",
  finished_on = "finishedOn",
  legacy_attempts = "attemptsMade",
  name = "name",
  options = "opts",
  parent = "parent",
  parent_key = "parentKey",
  priority = "priority",
  processed_by = "pb",
  processed_on = "processedOn",
  progress = "progress",
  returnvalue = "returnvalue",
  scheduler = "rjk",
  stacktrace = "stacktrace",
  stalled_count = "stc",
  timestamp = "timestamp",
  children_order = "oxc",
  continuations = "oxg",
  flow_id = "oxf",
  further_parents = "oxp",
  nonce = "oxn",
  retention = "oxk",
  progress_nonce = "oxq",
  settled = "oxt",
}
local setting = {
  concurrency = "concurrency",
  duration = "duration",
  event_cap = "opts.maxLenEvents",
  max = "max",
  paused = "paused",
  version = "version",
}
-- What is kept of a job that follows the owner of its deduplication id.
local kept_field = {
  data = "data",
  dependencies_key = "pdk",
  id = "jid",
  name = "name",
  options = "opts",
  parent = "pd",
  parent_key = "pk",
  scheduler = "rjk",
}
local policy_flag = {
  cpof = "continue-parent",
  fpof = "fail-parent",
  idof = "ignore",
  rdof = "remove",
}
-- What a claim reads, in the order in which wire.py reads it.
local record_fields = {
  "name", "data", "opts", "timestamp", "delay", "priority", "atm", "ats", "stc", "processedOn",
  "pb", "finishedOn", "progress", "returnvalue", "failedReason", "stacktrace", "defa",
  "parentKey", "parent", "oxp", "oxf", "oxk", "attemptsMade", "rjk", "deid",
}
local record_place = {
  attempts_started = 8,
  processed_on = 10,
  processed_by = 11,
  deferred_failure = 17,
}
