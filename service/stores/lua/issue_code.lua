-- include: look, values
-- Makes a login code, or finds the one that is still good: a resend sends the same code and keeps the count of tries.
-- One with little life left is made anew, with its tries: nobody can type it in time.
-- KEYS: code
-- ARGV: nonce, digest of the code made from it, now (ms), CODE_TTL (ms), longest life (ms), CODE_ATTEMPTS,
--       least life worth sending (ms), 1 to make a new one in any case or 0
-- Returns {1, nonce, life left (ms), digest}, or {0, '', ms to wait, ''} when wrong tries have ended the code.
local code = KEYS[1]
local nonce, digest, now, life = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local longest, attempts, least, afresh = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1'

local found = look('HMGET', code, 'nonce', 'attempts', 'born', 'digest')
local tried, born = number(found[2]), number(found[3])
local known = found[1] and tried and born
if known and tried >= attempts then
  return { 0, '', math.max(1, redis.call('PTTL', code)), '' }
end
if known and not afresh then
  local left = math.max(math.min(life, born + longest - now), redis.call('PTTL', code))
  if left >= least then
    redis.call('PEXPIRE', code, left)
    return { 1, found[1], left, found[4] or '' }
  end
end

if found.err then
  redis.call('DEL', code) -- a value of another type, as an operator may leave one
end
-- HSET comes first otherwise: once a script has written, a full server no longer refuses.
redis.call('HSET', code, 'nonce', nonce, 'digest', digest, 'attempts', known and tried or 0, 'born', now)
redis.call('HDEL', code, 'holder', 'held_until')
redis.call('PEXPIRE', code, life)
return { 1, nonce, life, digest }
