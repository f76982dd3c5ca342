-- include: look, values, ending
-- Ends all sessions of a user on purpose, but for one that may be kept. Their records become tombstones that say why.
-- Logins of a user who is disabled are blocked in the same step: for a while no session can be opened.
-- KEYS: sessions, the key that a session with an empty id would have, blocked
-- ARGV: tombstone, id of the session to keep or '', how long to bar the user (ms) or 0
-- Returns the ids of those that were live.
local sessions, prefix, blocked = KEYS[1], KEYS[2], KEYS[3]
local tombstone, keep, blocked_for = ARGV[1], ARGV[2], tonumber(ARGV[3])

-- The sessions lie in the slot of the keys: one hash tag. Their names differ in the id alone.
local ended, others, kept = {}, false, false
for id in string.gmatch(read(sessions), '[^,]+') do
  if id == keep then
    kept = true
  else
    others = true
    if bury(prefix .. id, tombstone) then
      ended[#ended + 1] = id
    end
  end
end
if not kept then
  redis.call('DEL', sessions)
elseif others then
  write_if_there_is_room('SET', sessions, keep, 'KEEPTTL') -- refused, it would name sessions that are none any more
end
if blocked_for > 0 then
  redis.call('SET', blocked, '1', 'PX', blocked_for) -- a DEL stands before it in any case
end
return ended
