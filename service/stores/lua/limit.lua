-- include: look, values
-- Spends one of a budget if its window has room, or looks how long it has none.
-- KEYS: limit, the moments (s) when it was spent, newest first, as the `limits` library has them
-- ARGV: now (s), amount, seconds, 1 to spend or 0 to look
-- Returns 1 when it was spent and 0 when there is no room; when it was to look, the whole seconds to wait, rounded up and
-- past the moment itself (what is exactly as old as its window still counts), and 0 when there is room.
local limit, now, amount, seconds = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local spend = ARGV[4] == '1'

local found = look('LINDEX', limit, amount - 1)
local oldest = moment(found, now)
local is_full = oldest and oldest >= now - seconds
if not spend then
  return is_full and math.floor(math.max(0, oldest + seconds - now)) + 1 or 0
end
if is_full then
  return 0
end
if type(found) == 'table' then
  redis.call('DEL', limit) -- a value of another type, as an operator may leave one
end
redis.call('LPUSH', limit, now)
redis.call('LTRIM', limit, 0, amount - 1)
redis.call('EXPIRE', limit, seconds)
return 1
