-- include: look, values, ending
-- Opens a session: its record, its first access token, its place in the user's list. At the cap, the stalest make room.
-- KEYS: session, sessions, token, blocked
-- ARGV: session id, record, its life (ms), token record, its life (ms), MAX_SESSIONS, tombstone for a replaced session
-- Returns the ids of the sessions that were replaced, or 0 where logins have been blocked since the login began.
local session, sessions, token = KEYS[1], KEYS[2], KEYS[3]
local id, record, life, token_record, token_life = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local cap, tombstone = tonumber(ARGV[6]), ARGV[7]

-- The other sessions of this user lie in the same slot: one hash tag. Their names differ in the id alone.
local function key_of(other)
  return string.sub(session, 1, #session - #id) .. other
end

-- The list is in order of last refresh. Those that have expired or were deleted leave it here.
local live = {}
for other in string.gmatch(read(sessions), '[^,]+') do
  if other ~= id and redis.call('EXISTS', key_of(other)) == 1 then
    live[#live + 1] = other
  end
end

if redis.call('EXISTS', KEYS[4]) == 1 then
  return 0
end

local replaced = {}
while #live >= cap do
  local stalest = table.remove(live, 1)
  bury(key_of(stalest), tombstone)
  replaced[#replaced + 1] = stalest
end
live[#live + 1] = id

redis.call('SET', session, record, 'PX', life)
redis.call('SET', token, token_record, 'PX', token_life)
redis.call('SET', sessions, table.concat(live, ','), 'PX', math.max(life, redis.call('PTTL', sessions)))
return replaced
