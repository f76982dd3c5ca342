-- include: look, values, ending
-- Ends a session on purpose. Its record becomes a tombstone that says why, for as long as it would have lived.
-- KEYS: session, sessions
-- ARGV: session id, tombstone
-- Returns 1 when it was live, 0 when there was nothing to end.
local session, sessions = KEYS[1], KEYS[2]
local id, tombstone = ARGV[1], ARGV[2]

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

local was_live = bury(session, tombstone)
if #others == 0 then
  redis.call('DEL', sessions)
else
  -- Written over, never deleted first: refused, it would name a session too many, which is none any more.
  write_if_there_is_room('SET', sessions, table.concat(others, ','), 'KEEPTTL')
end
return was_live and 1 or 0
