-- include: look, values, ending
-- Ends a session on purpose. Its record becomes a tombstone that says why, for as long as it would have lived.
-- KEYS: session, sessions
-- ARGV: session id, tombstone
-- Returns 1 when it was live, 0 when there was nothing to end.
local _, was_live = finish(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
return was_live and 1 or 0
