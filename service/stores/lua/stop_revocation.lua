-- Wishes that a revocation stops, also where Redis is full.
-- KEYS: the wish
-- ARGV: its life (ms)
local wish, life = KEYS[1], ARGV[1]

redis.call('DEL', wish)
return redis.call('SET', wish, '1', 'PX', life)
