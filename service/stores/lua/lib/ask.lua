-- A command of streams. The probe does not try these: a Redis that refuses them loses events, and starts nevertheless.
local function ask(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then
    error(answer.err)
  end
  return answer
end

