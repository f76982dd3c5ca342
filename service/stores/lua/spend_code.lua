-- Spends a lent code: it is gone for good.
-- KEYS: code
-- ARGV: holder
-- Returns 1 when it was held by the caller, else 0.
if redis.pcall('HGET', KEYS[1], 'holder') ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
return 1
