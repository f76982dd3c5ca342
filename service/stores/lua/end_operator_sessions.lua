-- include: look, values
-- Ends all sessions of an operator, also where Redis is full: it only deletes.
-- KEYS: sessions, the key that a session with an empty id would have
-- Returns the ids of those that were live.
local sessions, prefix = KEYS[1], KEYS[2]

-- The sessions lie in the slot of the keys: one hash tag. Their names differ in the id alone.
local ended = {}
for id in string.gmatch(read(sessions), '[^,]+') do
  if redis.call('DEL', prefix .. id) == 1 then
    ended[#ended + 1] = id
  end
end
redis.call('DEL', sessions)
return ended
