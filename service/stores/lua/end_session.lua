-- Ends a session on purpose. Its record becomes a tombstone that says why, for as long as it would have lived.
-- KEYS: session, sessions
-- ARGV: session id, tombstone
-- Returns 1 when it was live, 0 when there was nothing to end.
local session, sessions = KEYS[1], KEYS[2]
local id, tombstone = ARGV[1], ARGV[2]

-- A value of another type, as an operator may leave one, counts as not there.
local function read(key)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and value or ''
end

local others, listed = {}, false
for other in string.gmatch(read(sessions), '[^,]+') do
  if other == id then
    listed = true
  else
    others[#others + 1] = other
  end
end
if not listed then
  return 0
end

if #others == 0 then
  redis.call('DEL', sessions)
else
  redis.call('SET', sessions, table.concat(others, ','), 'KEEPTTL')
end
if redis.call('EXISTS', session) == 0 then
  return 0
end
redis.call('SET', session, tombstone, 'KEEPTTL')
return 1
