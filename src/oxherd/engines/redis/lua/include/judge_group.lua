-- Reads all that a group of new jobs meets, before anything is written. Each job gets a verdict:
-- "new", "existing" (a given id that is there) or "skipped" (only below an existing one).
-- include parents
-- include state
-- include ancestry
-- include look_up
local no_edges = {}

-- After a lost answer the whole group is there: what this call did not write was there before.
-- rare
local function judge_repeated(group)
  for _, job in ipairs(group) do
    job.verdict = job.mine and "new" or "existing"
  end
end

-- rare
local function drop_known_edges(job)
  local known, fresh = {}, {}
  for _, edge in ipairs(stored_edges(job.key)) do
    known[edge.parent] = true
  end
  for _, edge in ipairs(job.edges) do
    if not known[edge[1]] then
      fresh[#fresh + 1] = edge
    end
  end
  job.edges = fresh
end

-- The edges that will be made: those to new parents, and to live ones outside the group.
local function judge_edges(job)
  if not job.parents and not job.exists then
    job.verdict, job.edges, job.asked_edges = "new", no_edges, no_edges
    return nil
  end
  local kept, has_inner, live = {}, false, false
  for _, edge in ipairs(job.parents or no_edges) do
    local parent = members[edge[1]]
    if parent and not parent.verdict then
      -- Itself, or one that it is above.
      return "own-ancestor " .. job.key
    end
    has_inner = has_inner or parent ~= nil
    if not parent or parent.verdict == "new" then
      kept[#kept + 1] = edge
      live = true
    end
  end
  if has_inner and not live then
    job.verdict = "skipped"
    return nil
  end
  job.verdict = job.exists and "existing" or "new"
  job.edges, job.asked_edges = kept, kept
  if job.exists then
    drop_known_edges(job)
  end
  return nil
end

local function refuse_outer_parents(job)
  for _, edge in ipairs(job.asked_edges) do
    if not members[edge[1]] then
      if redis.call("EXISTS", edge[1]) == 0 then
        return "parent-missing " .. edge[1]
      end
      local ended = end_of(edge[1])
      if ended then
        return "parent-finished " .. edge[1] .. " " .. ended
      end
    end
  end
  return nil
end

-- The refusal of the whole group, or nil.
local function judge_group(group, number, nonce, again)
  look_up(group, number, nonce, again)
  if group.repeated then
    judge_repeated(group)
    return nil
  end
  for index = 1, #group do
    local job = group[index]
    local refusal = judge_edges(job)
    if refusal then
      return refusal
    end
    if job.verdict ~= "skipped" then
      if job.exists then
        group.has_existing = true
      end
      refusal = job.parents and refuse_outer_parents(job)
      if refusal then
        return refusal
      end
      if job.verdict == "existing" and is_own_ancestor(job, members) then
        return "own-ancestor " .. job.key
      end
    end
  end
  return nil
end
