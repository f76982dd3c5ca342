-- include: ask
-- Puts a dead letter into the outbox again, for its receiver alone and under its own id, and takes it out of the list.
-- Goes through where Redis is full: the letter goes first.
-- KEYS: the dead letters, the stream, the hash that counts what was ever appended there
-- ARGV: the letter's place
-- Returns 1, or 0 where there is no such letter.
local dead, stream, counts = KEYS[1], KEYS[2], KEYS[3]
local place = ARGV[1]

local found = ask('XRANGE', dead, place, place)
if #found == 0 then
  return 0
end
local letter = {}
for i = 1, #found[1][2], 2 do
  letter[found[1][2][i]] = found[1][2][i + 1]
end
ask('XDEL', dead, place)
local n = redis.call('HINCRBY', counts, 'written', 1)
ask('XADD', stream, '*', 'type', letter.type, 'user', letter.user, 'at', letter.at, 'data', letter.data, 'n', n,
  'id', letter.id, 'to', letter.receiver)
return 1
