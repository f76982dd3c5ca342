-- Takes, renews or gives up the lease of the dispatcher, also where Redis is full: what is deleted first makes room.
-- KEYS: the lease
-- ARGV: the token of whoever asks, the life of the lease (ms), 0 to give it up
-- Returns 1 where the lease is theirs now, else 0.
local lease, token, life = KEYS[1], ARGV[1], tonumber(ARGV[2])

local holder = redis.call('GET', lease)
if holder and holder ~= token then
  return 0
end
redis.call('DEL', lease)
if life == 0 then
  return 0
end
redis.call('SET', lease, token, 'PX', life)
return 1
