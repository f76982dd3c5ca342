-- include: look, values
-- Adds up codes by prefix within some time. Where the prefixes are too many, those least asked for go to the rest.
-- KEYS: table, a hash of "<asked> <sent> <used>" by prefix, and by the name of the rest
-- ARGV: seconds to live, prefixes to keep, name of the rest, then of each: prefix, asked, sent, used
local life, most, rest = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local counts, prefixes, changed = {}, {}, {}

local function add(prefix, asked, sent, used)
  local before = counts[prefix] or { 0, 0, 0 }
  if not counts[prefix] and prefix ~= rest then
    prefixes[#prefixes + 1] = prefix
  end
  counts[prefix] = { before[1] + asked, before[2] + sent, before[3] + used }
end

local found = look('HGETALL', KEYS[1])
if found.err then
  redis.call('DEL', KEYS[1]) -- a value of another type, as an operator may leave one
  found = {}
end
for i = 1, #found, 2 do
  local asked, sent, used = string.match(found[i + 1], '^(%d+) (%d+) (%d+)$')
  if number(asked) and number(sent) and number(used) then
    add(found[i], number(asked), number(sent), number(used))
  end
end
for i = 4, #ARGV, 4 do
  add(ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]))
  changed[ARGV[i]] = true
end
local gone = {}
if #prefixes > most then
  table.sort(prefixes, function(one, other)
    local more, less = counts[one], counts[other]
    return more[1] + more[2] > less[1] + less[2] or (more[1] + more[2] == less[1] + less[2] and one < other)
  end)
  for i = most + 1, #prefixes do
    gone[#gone + 1] = prefixes[i]
    add(rest, unpack(counts[prefixes[i]]))
    changed[prefixes[i]], changed[rest] = nil, true
  end
end
local written = {}
for prefix in pairs(changed) do
  written[#written + 1] = prefix
  written[#written + 1] = string.format('%d %d %d', unpack(counts[prefix]))
end
redis.call('HSET', KEYS[1], unpack(written))
if #gone > 0 then
  redis.call('HDEL', KEYS[1], unpack(gone))
end
redis.call('EXPIRE', KEYS[1], life)
