-- Does what needs a master that runs scripts and takes writes, and leaves nothing; goes through on a full Redis.
-- KEYS: a key that is never there
return redis.call('DEL', KEYS[1])
