-- include: look, values
-- Writes a refreshed session if nobody changed it since it was read: compare and swap. Never brings a session back.
-- KEYS: session, sessions, token
-- ARGV: session id, record as read, new record, its life (ms), token record, its life (ms)
-- Returns 1 when written, 0 when the session is no longer live, or the record as it is now when it was changed.
local session, sessions, token = KEYS[1], KEYS[2], KEYS[3]
local id, expected, record, life = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local token_record, token_life = ARGV[5], tonumber(ARGV[6])

local found = read(session)
if found == '' then
  return 0
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
if found ~= expected then
  return found
end

others[#others + 1] = id -- the last one is the one refreshed last
redis.call('SET', session, record, 'PX', life)
redis.call('SET', token, token_record, 'PX', token_life)
redis.call('SET', sessions, table.concat(others, ','), 'PX', math.max(life, redis.call('PTTL', sessions)))
return 1
