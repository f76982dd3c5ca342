-- Takes back a cool-down whose code was not sent.
-- KEYS: cooldown
-- ARGV: when it was started (ms)
-- Returns 1 when it was the last one, else 0.
local found = redis.pcall('HMGET', KEYS[1], 'count', 'last', 'before')
local count = tonumber(found[1] or nil)
if not count or found[2] ~= ARGV[1] then
  return 0
end
if count <= 1 then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'count', count - 1, 'last', found[3] or 0)
end
return 1
