-- What a read finds. A value of another type is told as an error in a table, as redis.pcall does; any other refusal (a
-- command that is switched off, a user who may not) is no finding, and stops the script.
local function look(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err and not string.find(answer.err, 'WRONGTYPE', 1, true)
    and not string.find(answer.err, 'wrong kind of value', 1, true) then
    error(answer.err)
  end
  return answer
end

