-- include: look, values, ending
-- Puts a revocation at the head of the list of the newest, also where Redis is full: what is deleted first makes room.
-- KEYS: the list: ids with commas between, the newest first
-- ARGV: the id, how many are listed, the life of the list (ms)
local list, id, most, life = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]

local ids = { id }
for other in string.gmatch(read(list), '[^,]+') do
  if other ~= id and #ids < most then
    ids[#ids + 1] = other
  end
end
redis.call('DEL', list)
write_if_there_is_room('SET', list, table.concat(ids, ','), 'PX', life)
