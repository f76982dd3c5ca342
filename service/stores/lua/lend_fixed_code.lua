-- include: look, values, logins
-- Lends a code of TEST_CODES to one login of all those that name the same request, so that they are one. It is never
-- spent: those that name another request, or none, know nothing of it.
-- KEYS: the lease, then a record per digest
-- ARGV: holder, how long to lend it (ms), digests of the login (with commas between), a record that is over, or ''
-- Returns 1 when lent, 2 when this very login is under way, or the record of the login that this one repeats.
local found = past_login({ unpack(KEYS, 2) }, split(ARGV[3]), ARGV[4])
if found then
  return found
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 2
end
redis.call('HSET', KEYS[1], 'holder', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
