-- include: look, values, ending
-- Notes how far a revocation is, also where Redis is full: what is deleted first makes room.
-- KEYS: revocation, its lease, the wish that it stops
-- ARGV: the record, its life (ms), the life of the lease (ms) or 0 where it is over
-- Returns 1 when somebody wants it to stop, else 0.
local record, lease, wish = KEYS[1], KEYS[2], KEYS[3]
local text, life, leased_for = ARGV[1], ARGV[2], tonumber(ARGV[3])

redis.call('DEL', record, lease)
write_if_there_is_room('SET', record, text, 'PX', life)
if leased_for > 0 then
  write_if_there_is_room('SET', lease, '1', 'PX', leased_for)
end
return redis.call('EXISTS', wish)
