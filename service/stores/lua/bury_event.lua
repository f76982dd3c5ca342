-- include: ask
-- Gives an event up: it is no longer pending, and a dead letter, in one step. Goes through where Redis is full: XACK
-- makes room.
-- KEYS: the stream, the dead letters, the lease
-- ARGV: the dispatcher's token, the consumer group, the entry's place, how many letters are kept, the letter's fields
-- Returns how many letters were dropped for it, or nothing where the lease is another's.
local stream, dead, lease = KEYS[1], KEYS[2], KEYS[3]
local token, group, place, most = unpack(ARGV, 1, 4)

if redis.call('GET', lease) ~= token then
  return false
end

if ask('XACK', stream, group, place) == 0 then
  return 0 -- given up already
end
local before = ask('XLEN', dead)
ask('XADD', dead, 'MAXLEN', most, '*', unpack(ARGV, 5))
return before + 1 - ask('XLEN', dead)
