-- A record as names and values in turn.
local function put(record, name, value)
  if value then
    record[#record + 1] = name
    record[#record + 1] = value
  end
end
