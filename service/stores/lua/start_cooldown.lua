-- include: look, values
-- Starts a number's cool-down if none runs: its seconds grow from code to code, and are forgotten after a rest.
-- It is held until it is confirmed: one whose code was never sent, for whatever reason, lapses by itself.
-- KEYS: cooldown
-- ARGV: now (ms), rest (ms), hold (ms), 1 to start it or 0 to look, the steps (s) ...
-- Returns {ms to wait, 0} while one runs, else {0, ms of the one that was or would be started}.
local now, rest, hold, start = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local steps = #ARGV - 4

local function step(count)
  return tonumber(ARGV[4 + math.min(count, steps)]) * 1000
end

local found = look('HMGET', KEYS[1], 'count', 'last', 'before', 'held_until')
local count, last, held_until = number(found[1]), number(found[2]), number(found[4])
if count and last and held_until and now >= held_until then
  count, last = math.max(count - 1, 0), number(found[3]) or 0 -- nobody has confirmed it
end
if not count or not last or math.abs(now - last) >= rest then -- or a clock was far ahead
  count, last = 0, 0
end
if count > 0 and now - last < step(count) then
  return { math.min(last + step(count) - now, step(count)), 0 } -- clocks of two machines differ a little
end
if start then
  if found.err then
    redis.call('DEL', KEYS[1]) -- a value of another type, as an operator may leave one
  end
  redis.call('HSET', KEYS[1], 'count', count + 1, 'last', now, 'before', last, 'held_until', now + hold)
  redis.call('PEXPIRE', KEYS[1], rest)
end
return { 0, step(count + 1) }
