-- Starts a number's cool-down if none runs: its seconds grow from code to code, and are forgotten after a rest.
-- KEYS: cooldown
-- ARGV: now (ms), rest (ms), 1 to start it or 0 to look, the steps (s) ...
-- Returns {ms to wait, 0} while one runs, else {0, ms of the one that was or would be started}.
local now, rest, start = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local steps = #ARGV - 3

local function step(count)
  return tonumber(ARGV[3 + math.min(count, steps)]) * 1000
end

local found = redis.pcall('HMGET', KEYS[1], 'count', 'last')
local count, last = tonumber(found[1] or nil), tonumber(found[2] or nil)
if not count or not last or now - last >= rest then
  count, last = 0, 0
end
if count > 0 and now - last < step(count) then
  return { last + step(count) - now, 0 }
end
if start then
  if found.err then
    redis.call('DEL', KEYS[1]) -- a value of another type, as an operator may leave one
  end
  redis.call('HSET', KEYS[1], 'count', count + 1, 'last', now, 'before', last)
  redis.call('PEXPIRE', KEYS[1], rest)
end
return { 0, step(count + 1) }
