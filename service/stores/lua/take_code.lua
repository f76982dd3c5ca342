-- Judges one try at a login code, and lends the code to the caller if it is right: of many at once, to one alone.
-- KEYS: code
-- ARGV: digest of the try, CODE_ATTEMPTS, holder, now (ms), how long to lend it (ms)
-- Returns 1 when right and lent, -1 when wrong, 0 when there was nothing to judge (no code, ended, lent to another).
-- Digests are keyed, so how long comparing them takes tells nothing.
local code = KEYS[1]
local digest, attempts, holder, now, lease = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

local found = redis.pcall('HMGET', code, 'digest', 'attempts', 'holder', 'held_until')
local tried = tonumber(found[2] or nil)
if not found[1] or not tried or tried >= attempts then
  return 0
end
if found[1] ~= digest then
  redis.call('HINCRBY', code, 'attempts', 1)
  return -1
end
if found[3] and (tonumber(found[4] or nil) or 0) > now then
  return 0
end
redis.call('HSET', code, 'holder', holder, 'held_until', now + lease)
return 1
