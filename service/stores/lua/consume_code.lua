-- include: look
-- Spends a lent code: it is gone for good, and its number's wrong tries are forgotten.
-- KEYS: code, then the number's budgets of wrong tries
-- ARGV: holder
-- Returns 1 when it was held by the caller, else 0.
if look('HGET', KEYS[1], 'holder') ~= ARGV[1] then
  return 0
end
redis.call('DEL', unpack(KEYS))
return 1
