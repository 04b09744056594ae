-- Which jobs of a group are there already.
-- include repeated

local members

local function look_up_job(job, nonce, again)
  job.key = job.base .. job.id
  members[job.key] = job
  job.exists = redis.call("EXISTS", job.key) == 1
  if job.exists then
    local found = redis.call("HMGET", job.key, field.timestamp, field.nonce)
    job.stored_timestamp = found[1]
    job.mine = not job.given or found[2] == nonce
  else
    job.mine = again and not job.given and is_gone(job)
  end
end

local function look_up(group, nonce, again)
  members = {}
  for _, job in ipairs(group) do
    -- A numbered job gets its id when it is written.
    if not job.numbered then
      look_up_job(job, nonce, again)
      group.repeated = group.repeated or job.mine
    end
  end
end
