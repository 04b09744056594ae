-- Children that come later follow those of their parent's definition.
-- include fields

-- `names` are the children's keys as JSON strings.
-- rare
local function append_children(parent_key, names)
  local order = redis.call("HGET", parent_key, field.children_order)
  redis.call("HSET", parent_key, field.children_order, order and order .. "," .. names or names)
end
