-- Commands with many arguments, in pieces that the stack can hold.

-- Calls the command for them.
local function call_in_pieces(command, name, values)
  for first = 1, #values, 1000 do
    redis.call(command, name, unpack(values, first, math.min(first + 999, #values)))
  end
end

-- The answers of a command that has one for each argument.
local function read_in_pieces(command, names)
  local answers = {}
  for first = 1, #names, 1000 do
    local last = math.min(first + 999, #names)
    local piece = redis.call(command, unpack(names, first, last))
    if #piece == #names then
      return piece
    end
    for index = 1, #piece do
      answers[first + index - 1] = piece[index]
    end
  end
  return answers
end

-- The sum of the numbers that a command answers.
local function count_in_pieces(command, names)
  local count = 0
  for first = 1, #names, 1000 do
    count = count + redis.call(command, unpack(names, first, math.min(first + 999, #names)))
  end
  return count
end
