-- Sessions of this user can be opened again.
-- KEYS: blocked
redis.call('DEL', KEYS[1])
return 1
