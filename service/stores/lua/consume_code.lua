-- include: look, values, ending
-- Spends a lent code: it is gone for good, its number's wrong tries are forgotten, and its login can be repeated.
-- KEYS: code, then the number's budgets of wrong tries, then the login's record where there is one
-- ARGV: holder, then the record and its life (ms)
-- Returns 1 when it was held by the caller, or spent for this record before, else 0.
local record = ARGV[2] and KEYS[#KEYS]
if look('HGET', KEYS[1], 'holder') ~= ARGV[1] then
  return record and read(record) == ARGV[2] and 1 or 0
end
redis.call('DEL', unpack(KEYS))
if record then
  write_if_there_is_room('SET', record, ARGV[2], 'PX', ARGV[3])
end
return 1
