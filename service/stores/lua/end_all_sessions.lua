-- Ends all sessions of a user on purpose, but for one that may be kept. Their records become tombstones that say why.
-- KEYS: sessions, and the key that a session with an empty id would have
-- ARGV: tombstone, id of the session to keep or ''
-- Returns the ids of those that were live.
local sessions, prefix = KEYS[1], KEYS[2]
local tombstone, keep = ARGV[1], ARGV[2]

-- A value of another type, as an operator may leave one, counts as not there.
local function read(key)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and value or ''
end

-- The sessions lie in the slot of the two keys: one hash tag. Their names differ in the id alone.
local ended, kept = {}, false
for id in string.gmatch(read(sessions), '[^,]+') do
  if id == keep then
    kept = true
  elseif redis.call('EXISTS', prefix .. id) == 1 then
    redis.call('SET', prefix .. id, tombstone, 'KEEPTTL')
    ended[#ended + 1] = id
  end
end
if kept then
  redis.call('SET', sessions, keep, 'KEEPTTL')
else
  redis.call('DEL', sessions)
end
return ended
