-- include: look, values, ending
-- Ends many sessions on purpose, of any number of users, each as end_session.lua does it.
-- KEYS: session, sessions; and so on, for each
-- ARGV: tombstone, then the session id of each
-- Returns for each 1 when it was live, 0 when there was nothing to end. Run again with the same tombstone, it says the
-- same of those that it has ended.
local tombstone, ended = ARGV[1], {}
for n = 2, #ARGV do
  local session, sessions = KEYS[2 * n - 3], KEYS[2 * n - 2]
  local listed, was_live = finish(session, sessions, ARGV[n], tombstone)
  ended[n - 1] = (was_live or not listed and read(session) == tombstone) and 1 or 0
end
return ended
