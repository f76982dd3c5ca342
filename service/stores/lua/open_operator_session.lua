-- include: look, values
-- Opens a session of an operator: its record, and its place in the operator's list, which those that are over leave.
-- KEYS: session, sessions, the key that a session with an empty id would have
-- ARGV: session id, record, its life (ms), the life of the list (ms)
-- Returns 1.
local session, sessions, prefix = KEYS[1], KEYS[2], KEYS[3]
local id, record, life, life_of_list = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- The sessions lie in the slot of the keys: one hash tag. Their names differ in the id alone.
local live = {}
for other in string.gmatch(read(sessions), '[^,]+') do
  if redis.call('EXISTS', prefix .. other) == 1 then
    live[#live + 1] = other
  end
end
live[#live + 1] = id
redis.call('SET', session, record, 'PX', life)
redis.call('SET', sessions, table.concat(live, ','), 'PX', life_of_list)
return 1
