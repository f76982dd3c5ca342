-- include: look, values
-- Confirms a cool-down whose code was sent, or takes it back.
-- KEYS: cooldown
-- ARGV: when it was started (ms), 1 to confirm or 0 to take back
-- Returns 1 when it was the last one, else 0.
local found = look('HMGET', KEYS[1], 'count', 'last', 'before')
local count = number(found[1])
if not count or found[2] ~= ARGV[1] then
  return 0
end
if ARGV[2] == '1' then
  redis.call('HDEL', KEYS[1], 'held_until')
elseif count <= 1 then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'count', count - 1, 'last', number(found[3]) or 0)
  redis.call('HDEL', KEYS[1], 'held_until')
end
return 1
