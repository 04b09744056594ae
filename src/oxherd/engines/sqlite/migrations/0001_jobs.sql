-- Codes of jobs.state: 0 waiting, 1 prioritized, 2 delayed, 3 waiting-children, 4 active,
-- 5 completed, 6 failed. Times are milliseconds since the epoch.

CREATE TABLE queues (
  id INTEGER PRIMARY KEY,
  prefix TEXT NOT NULL,
  name TEXT NOT NULL,
  paused INTEGER NOT NULL DEFAULT 0,
  UNIQUE (prefix, name)
);

-- `rank` is the place among the jobs of one state: a signed position (waiting, active,
-- waiting-children), priority * 2^32 + a position (prioritized), or a time * 2^20 + a position
-- (delayed: when it is due; completed and failed: when it ended).
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL REFERENCES queues (id),
  job_id TEXT NOT NULL,
  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 6),
  rank INTEGER NOT NULL,
  lock_token TEXT,
  lock_until INTEGER,
  settled_token TEXT,
  settled_verb TEXT,
  name TEXT NOT NULL,
  data TEXT NOT NULL,
  options TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  delay INTEGER NOT NULL DEFAULT 0,
  priority INTEGER NOT NULL DEFAULT 0,
  attempts_made INTEGER NOT NULL DEFAULT 0,
  attempts_started INTEGER NOT NULL DEFAULT 0,
  stalled_count INTEGER NOT NULL DEFAULT 0,
  processed_on INTEGER,
  processed_by TEXT,
  finished_on INTEGER,
  progress TEXT,
  returnvalue TEXT,
  failed_reason TEXT,
  stacktrace TEXT,
  deferred_failure TEXT,
  -- A JSON array of [key, policy], in the order in which the job got its parents.
  parents TEXT,
  flow_id TEXT,
  -- The id of the first fresh job of its group, for a job whose own id was given.
  added_with TEXT,
  UNIQUE (queue, job_id),
  CHECK ((state >= 5) = (finished_on IS NOT NULL)),
  CHECK ((state = 4) = (lock_token IS NOT NULL))
);

-- Serves claims, lists and counts.
CREATE INDEX jobs_by_rank ON jobs (queue, state, rank);

-- What a parent knows about its children, in the order of `id`. `child` is null once the child's
-- record is gone. Codes of status: 0 pending, 1 processed, 2 ignored, 3 failed.
CREATE TABLE edges (
  id INTEGER PRIMARY KEY,
  parent INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  child INTEGER REFERENCES jobs (id) ON DELETE SET NULL,
  child_key TEXT NOT NULL,
  -- Which of the child's parents this is, from 0.
  place INTEGER NOT NULL,
  policy TEXT NOT NULL,
  status INTEGER NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 3),
  settled_on INTEGER,
  value TEXT,
  failure TEXT
);

CREATE INDEX edges_by_parent ON edges (parent);
CREATE INDEX edges_by_child ON edges (child, place) WHERE child IS NOT NULL;
CREATE INDEX edges_pending ON edges (parent) WHERE status = 0;
CREATE INDEX edges_failed ON edges (parent) WHERE status = 3;

CREATE TABLE logs (
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  line TEXT NOT NULL
);

CREATE INDEX logs_by_job ON logs (job);

-- How the last claims of jobs ended whose records are gone, for calls that are sent again.
CREATE TABLE gone (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  job_id TEXT NOT NULL,
  settled_token TEXT NOT NULL,
  settled_verb TEXT NOT NULL
);

CREATE INDEX gone_by_job ON gone (queue, job_id);

-- The ids of one queue's events have no gaps: what is missing at the front was trimmed.
CREATE TABLE events (
  queue INTEGER NOT NULL,
  id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  job_id TEXT,
  value TEXT,
  prev TEXT,
  PRIMARY KEY (queue, id)
) WITHOUT ROWID;
