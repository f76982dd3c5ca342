-- Adds to the codes sent or used within an hour, in buckets of a minute, and answers their sums.
-- KEYS: conversion
-- ARGV: this minute (since the epoch), minutes to keep, codes sent now, codes used now
-- Returns {sent, used} over the minutes kept, with what was added now.
local minute, kept = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = { sent = tonumber(ARGV[3]), used = tonumber(ARGV[4]) }

if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
  redis.call('DEL', KEYS[1])
end
for kind, amount in pairs(now) do
  if amount > 0 then
    redis.call('HINCRBY', KEYS[1], kind .. ':' .. minute, amount)
    redis.call('EXPIRE', KEYS[1], kept * 60)
  end
end

local sums = { sent = 0, used = 0 }
local buckets = redis.call('HGETALL', KEYS[1])
for i = 1, #buckets, 2 do
  local kind, born = string.match(buckets[i], '^(%a+):(%d+)$')
  if not sums[kind or ''] or minute - tonumber(born) >= kept then
    redis.call('HDEL', KEYS[1], buckets[i])
  else
    sums[kind] = sums[kind] + (tonumber(buckets[i + 1]) or 0)
  end
end
return { sums.sent, sums.used }
