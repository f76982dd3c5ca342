-- include: look
-- Spends the link of an operator: deletes it if it is the one that is asked for.
-- KEYS: link
-- ARGV: digest
-- Returns 1 when it was good, else 0.
if look('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
