-- include: look, values, ending
-- Opens a session: its record, its first access token, its place in the user's list. At the cap, the stalest make room.
-- KEYS: session, sessions, token, blocked, and where the login tells its device, the user's devices
-- ARGV: session id, record, its life (ms), token record, its life (ms), MAX_SESSIONS, tombstone for a replaced session,
--       and the device, how many are kept, their life (ms)
-- Returns a list: 1 where the user has devices and this is none of them, else 0; then the ids of the sessions that were
-- replaced. 0 where logins have been blocked since the login began.
local session, sessions, token = KEYS[1], KEYS[2], KEYS[3]
local id, record, life, token_record, token_life = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local cap, tombstone = tonumber(ARGV[6]), ARGV[7]
local devices, device, most, life_of_devices = KEYS[5], ARGV[8], tonumber(ARGV[9]), ARGV[10]

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

local answer = { 0 }
while #live >= cap do
  local stalest = table.remove(live, 1)
  bury(key_of(stalest), tombstone)
  answer[#answer + 1] = stalest
end
live[#live + 1] = id

redis.call('SET', session, record, 'PX', life)
redis.call('SET', token, token_record, 'PX', token_life)
redis.call('SET', sessions, table.concat(live, ','), 'PX', math.max(life, redis.call('PTTL', sessions)))

-- The devices are in order of last login.
if devices then
  local known, is_known = {}, false
  for other in string.gmatch(read(devices), '%x+') do
    if other == device then
      is_known = true
    elseif #other == #device then
      known[#known + 1] = other
    end
  end
  answer[1] = (is_known or #known == 0) and 0 or 1
  known[#known + 1] = device
  redis.call('SET', devices, table.concat(known, ',', math.max(1, #known - most + 1)), 'PX', life_of_devices)
end
return answer
