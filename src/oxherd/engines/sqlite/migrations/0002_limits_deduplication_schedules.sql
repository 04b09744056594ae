-- `last_number` is the last number that an add took; `last_event` the last id of events that are
-- gone, so that ids go on. A rate window is open until `rate_until`, with `rate_used` starts.
-- An obliterated queue keeps its row, whose id other processes may know, and is not listed.
ALTER TABLE queues ADD COLUMN last_number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queues ADD COLUMN last_event INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queues ADD COLUMN obliterated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queues ADD COLUMN concurrency INTEGER;
ALTER TABLE queues ADD COLUMN rate_max INTEGER;
ALTER TABLE queues ADD COLUMN rate_ms INTEGER;
ALTER TABLE queues ADD COLUMN rate_used INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queues ADD COLUMN rate_until INTEGER NOT NULL DEFAULT 0;

ALTER TABLE jobs ADD COLUMN schedule_id TEXT;
ALTER TABLE jobs ADD COLUMN deduplication_id TEXT;

-- A JSON object: what a program that published the event gave it.
ALTER TABLE events ADD COLUMN fields TEXT;

-- Which job owns an id, and until when; null is until the job ends.
CREATE TABLE deduplications (
  queue INTEGER NOT NULL,
  id TEXT NOT NULL,
  job_id TEXT NOT NULL,
  until INTEGER,
  PRIMARY KEY (queue, id)
) WITHOUT ROWID;

CREATE INDEX deduplications_by_end ON deduplications (until) WHERE until IS NOT NULL;

-- The newest job that was dropped while the owner ran; it is added when the owner ends.
CREATE TABLE kept_jobs (
  queue INTEGER NOT NULL,
  deduplication_id TEXT NOT NULL,
  job_id TEXT NOT NULL,
  name TEXT NOT NULL,
  data TEXT NOT NULL,
  options TEXT NOT NULL,
  parents TEXT,
  flow_id TEXT,
  PRIMARY KEY (queue, deduplication_id)
) WITHOUT ROWID;

-- Jobs that ended in a state: in all, and at the time of the last point how many before it.
CREATE TABLE metrics (
  queue INTEGER NOT NULL,
  state INTEGER NOT NULL,
  count INTEGER NOT NULL,
  previous_ms INTEGER NOT NULL,
  previous_count INTEGER NOT NULL,
  PRIMARY KEY (queue, state)
) WITHOUT ROWID;

-- How many ended in each minute, the newest with the highest id.
CREATE TABLE metric_points (
  queue INTEGER NOT NULL,
  state INTEGER NOT NULL,
  id INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  PRIMARY KEY (queue, state, id)
) WITHOUT ROWID;

-- `repetition` is a JSON object; `next_ms` is when the pending job is due, or the running one was.
CREATE TABLE schedules (
  queue INTEGER NOT NULL,
  id TEXT NOT NULL,
  next_ms INTEGER NOT NULL,
  count INTEGER NOT NULL,
  name TEXT NOT NULL,
  data TEXT NOT NULL,
  options TEXT NOT NULL,
  repetition TEXT NOT NULL,
  PRIMARY KEY (queue, id)
) WITHOUT ROWID;

CREATE INDEX schedules_by_time ON schedules (queue, next_ms, id);
