-- Makes a login code, or finds the one that is still good: a resend sends the same code and keeps the count of tries.
-- KEYS: code
-- ARGV: nonce, digest of the code made from it, now (ms), CODE_TTL (ms), longest life (ms), CODE_ATTEMPTS
-- Returns {1, nonce, life left (ms)}, or {0, '', ms to wait} when wrong tries have ended the code.
local code = KEYS[1]
local nonce, digest, now, life = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local longest, attempts = tonumber(ARGV[5]), tonumber(ARGV[6])

local found = redis.pcall('HMGET', code, 'nonce', 'attempts', 'born')
local tried, born = tonumber(found[2] or nil), tonumber(found[3] or nil)
if found[1] and tried and born then
  if tried >= attempts then
    return { 0, '', math.max(1, redis.call('PTTL', code)) }
  end
  local left = math.min(life, math.max(1, born + longest - now))
  left = math.max(left, redis.call('PTTL', code))
  redis.call('PEXPIRE', code, left)
  return { 1, found[1], left }
end

if found.err then
  redis.call('DEL', code) -- a value of another type, as an operator may leave one
end
-- HSET comes first otherwise: once a script has written, a full server no longer refuses.
redis.call('HSET', code, 'nonce', nonce, 'digest', digest, 'attempts', 0, 'born', now)
redis.call('HDEL', code, 'holder', 'held_until')
redis.call('PEXPIRE', code, life)
return { 1, nonce, life }
