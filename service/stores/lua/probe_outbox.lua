-- Tries what the scripts of the outbox use and the others do not, for `check` and the start, and leaves nothing.
-- KEYS: a key that nobody else uses
-- Returns 1, or 0 where that is not allowed.
local added = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', 1, '*', 'n', 1)
redis.call('DEL', KEYS[1])
return type(added) == 'table' and 0 or 1
