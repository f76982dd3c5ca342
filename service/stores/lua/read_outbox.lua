-- Reads entries of the outbox for one receiver, as long as the dispatcher that asks holds the lease: what another one
-- read would be pending, and nobody's.
-- KEYS: the stream, a hash with the `n` of the entry that was read last for a receiver, the lease
-- ARGV: the dispatcher's token, the receiver, the place after which pending entries are read or '>' for new ones, how
--       many at most, the place after which a receiver begins that was never read for
-- Returns {how many entries were trimmed unread, the entries}, or nothing where the lease is another's.
local stream, counts, lease = KEYS[1], KEYS[2], KEYS[3]
local token, receiver, after, most, start = unpack(ARGV)
local group, field = 'latch:' .. receiver, 'read:' .. receiver

if redis.call('GET', lease) ~= token then
  return false
end

-- The probe does not try commands of streams: a Redis that refuses them loses events, and starts nevertheless.
local function ask(command, ...)
  return redis.pcall(command, ...)
end
local function read()
  return ask('XREADGROUP', 'GROUP', group, 'dispatcher', 'COUNT', most, 'STREAMS', stream, after)
end

local answer = read()
if type(answer) == 'table' and answer.err and string.find(answer.err, 'NOGROUP', 1, true) then
  local made = ask('XGROUP', 'CREATE', stream, group, start, 'MKSTREAM')
  if made.err then
    return made
  end
  answer = read()
end
if type(answer) == 'table' and answer.err then
  return answer
end

local entries = answer and answer[1][2] or {}
local lost = 0
if after == '>' then
  local last = tonumber(redis.call('HGET', counts, field) or '')
  local newest
  for _, entry in ipairs(entries) do
    local fields = entry[2] or {}
    for i = 1, #fields, 2 do
      local n = fields[i] == 'n' and tonumber(fields[i + 1])
      if n then
        if last and n > last + 1 then
          lost = lost + n - last - 1
        end
        last, newest = n, n
      end
    end
  end
  if newest then
    redis.call('HSET', counts, field, string.format('%d', newest))
  end
end
return { lost, entries }
