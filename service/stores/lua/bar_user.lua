-- For a while no session of this user can be opened.
-- KEYS: barred
-- ARGV: how long (ms)
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 1
