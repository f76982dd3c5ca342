-- include: look
-- Takes a value away: of many at once, one gets it.
-- KEYS: key
-- Returns the value, or false where there is none.
local value = look('GET', KEYS[1])
if type(value) ~= 'string' then
  return false
end
redis.call('DEL', KEYS[1])
return value
