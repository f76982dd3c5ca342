-- include: look, values, logins
-- Judges one try at a login code, and lends the code to the caller if it is right: of many at once, to one alone.
-- A wrong one is counted in the same step: at the code, and in every budget of wrong tries that the number has.
-- A login that names its request comes with digests: one of them stands before the dot of the holder while it is under
-- way, and in a record once it is done. Such a repetition is no try: nothing is judged, counted or lent.
-- KEYS: code, then a list per budget: the moments of its wrong tries (s), newest first, as the `limits` library has
--       them, then a record per digest of the login
-- ARGV: digests of the try (with commas between), CODE_ATTEMPTS, holder, now (ms), how long to lend it (ms), digests of
--       the login (with commas between), a record that is over, or '', then amount and seconds per budget
-- Returns 1 when right and lent, 0 when there was nothing to judge (no code, ended, lent to another), -1 when wrong,
-- -1 - n when wrong and budget n has no room from now on (of several, the one of the longest time), or {n, ms}: nothing
-- was judged, because budget n has no room, and of those that have none it has the longest to wait. 2 when this very
-- login is under way, or the record of the login that this one repeats.
-- Digests are keyed, so how long comparing them takes tells nothing.
local code = KEYS[1]
local digests, attempts, holder, now, lease = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

local logins = split(ARGV[6])
local budgets = #KEYS - #logins -- the last of them in KEYS

local past = past_login({ unpack(KEYS, budgets + 1) }, logins, ARGV[7])
if past then
  return past
end
local found = look('HMGET', code, 'digest', 'attempts', 'holder', 'held_until')
local tried, held_until = number(found[2]), number(found[4]) or 0
local is_lent = found[3] and held_until > now and held_until < now + 3600 * 1000 -- nobody is lent a code for an hour
for _, login in ipairs(logins) do
  if is_lent and string.sub(found[3], 1, #login + 1) == login .. '.' then
    return 2
  end
end
if not found[1] or not tried or tried >= attempts then
  return 0
end

-- The longest wait of a budget without room. What is exactly as old as its window still counts.
local full, wait = 0, -1
for n = 2, budgets do
  local amount, seconds = tonumber(ARGV[4 + 2 * n]), tonumber(ARGV[5 + 2 * n])
  local tried_at = moment(look('LINDEX', KEYS[n], amount - 1), now / 1000)
  local left = (tried_at or -1) + seconds - now / 1000
  if left >= 0 and left > wait then
    full, wait = n - 1, left
  end
end
if full > 0 then
  return { full, math.ceil(wait * 1000) }
end

if not string.find(',' .. digests .. ',', ',' .. found[1] .. ',', 1, true) then
  redis.call('HINCRBY', code, 'attempts', 1)
  for n = 2, budgets do
    local amount, seconds = tonumber(ARGV[4 + 2 * n]), tonumber(ARGV[5 + 2 * n])
    if redis.call('TYPE', KEYS[n]).ok ~= 'list' then
      redis.call('DEL', KEYS[n]) -- a value of another type, as an operator may leave one
    end
    redis.call('LPUSH', KEYS[n], string.format('%.3f', now / 1000))
    redis.call('LTRIM', KEYS[n], 0, amount - 1)
    redis.call('EXPIRE', KEYS[n], seconds)
  end
  local spent, longest = 0, 0
  for n = 2, budgets do
    local amount, seconds = tonumber(ARGV[4 + 2 * n]), tonumber(ARGV[5 + 2 * n])
    local tried_at = moment(redis.call('LINDEX', KEYS[n], amount - 1), now / 1000)
    if tried_at and tried_at + seconds >= now / 1000 and seconds > longest then
      spent, longest = n - 1, seconds
    end
  end
  return -1 - spent
end
if is_lent then
  return 0
end
redis.call('HSET', code, 'holder', holder, 'held_until', now + lease)
return 1
