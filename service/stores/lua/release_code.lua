-- include: look
-- Gives a lent code back unspent: the login that held it failed for no fault of the code.
-- KEYS: code
-- ARGV: holder
-- Returns 1 when it was held by the caller, else 0.
if look('HGET', KEYS[1], 'holder') ~= ARGV[1] then
  return 0
end
redis.call('HDEL', KEYS[1], 'holder', 'held_until')
return 1
