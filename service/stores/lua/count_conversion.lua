-- include: look, values
-- Adds to the codes sent or used within an hour, in buckets of a minute, and answers their sums.
-- KEYS: conversion
-- ARGV: this minute (since the epoch), minutes to keep, codes sent now, codes used now
-- Returns {sent, used} over the minutes kept, with what was added now.
local minute, kept = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = { sent = tonumber(ARGV[3]), used = tonumber(ARGV[4]) }
local sums = { sent = now.sent, used = now.used }

local buckets = look('HGETALL', KEYS[1])
if buckets.err then
  redis.call('DEL', KEYS[1]) -- a value of another type, as an operator may leave one
  buckets = {}
end
for i = 1, #buckets, 2 do
  local kind, born = string.match(buckets[i], '^(%a+):(%d+)$')
  local age, amount = minute - (number(born) or 0), number(buckets[i + 1])
  if sums[kind or ''] and amount and age >= 0 and age < kept then
    sums[kind] = sums[kind] + amount
  else
    redis.call('HDEL', KEYS[1], buckets[i])
  end
end
for kind, amount in pairs(now) do
  if amount > 0 then
    redis.call('HINCRBY', KEYS[1], kind .. ':' .. minute, amount)
    redis.call('EXPIRE', KEYS[1], kept * 60)
  end
end
return { sums.sent, sums.used }
