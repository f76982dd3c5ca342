-- Tries every command that the other scripts use, for `check` and the start, and leaves nothing.
-- KEYS: a key that nobody else uses
-- Returns 1.
local key = KEYS[1]
redis.call('SET', key, '', 'PX', 1000)
redis.call('GET', key)
redis.call('MGET', key)
redis.call('EXISTS', key)
redis.call('TYPE', key)
redis.call('EXPIRE', key, 1)
redis.call('PEXPIRE', key, 1000)
redis.call('PTTL', key)
redis.call('DEL', key)
redis.call('HSET', key, 'n', 1)
redis.call('HGET', key, 'n')
redis.call('HMGET', key, 'n')
redis.call('HINCRBY', key, 'n', 1)
redis.call('HGETALL', key)
redis.call('HDEL', key, 'n')
redis.call('LPUSH', key, 1)
redis.call('LINDEX', key, 0)
redis.call('LTRIM', key, 0, 0)
redis.call('DEL', key)
return 1
