-- Which jobs of a group are there already.
-- include repeated

local members

local function look_up_job(job, number, nonce, again)
  job.key = job.base .. job.id
  members[job.key] = job
  if redis.call("EXISTS", job.key) == 1 then
    local found = redis.call("HMGET", job.key, field.timestamp, field.nonce)
    job.exists = true
    job.stored_timestamp = found[1]
    job.mine = not job.given or found[2] == nonce_of(nonce, number)
  elseif again and not job.given then
    job.mine = is_gone(job)
  end
end

local function look_up(group, number, nonce, again)
  members = {}
  for index = 1, #group do
    local job = group[index]
    -- A numbered job gets its id when it is written.
    if not job.numbered then
      look_up_job(job, number, nonce, again)
      if job.mine then
        group.repeated = true
      end
    end
  end
end
