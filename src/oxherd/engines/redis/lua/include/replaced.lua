-- What a group forgets when one of its jobs takes the place of another by deduplication.
-- include judge_group
-- include unlink

-- A job made way for one of this group: what the group wanted of it is void, and it may be of the
-- group itself.
-- rare
local function note_replaced(group, job_key)
  for _, job in ipairs(group) do
    local kept = {}
    for _, edge in ipairs(job.edges or {}) do
      if edge[1] ~= job_key then
        kept[#kept + 1] = edge
      elseif job.written then
        unlink(job.key, job_key)
      end
    end
    job.edges = kept
  end
  local member = members[job_key]
  if member then
    member.verdict = member.written and "replaced" or "new"
  end
end
