-- Appends events to the stream that other systems read, and never fails: what they tell of is done.
-- KEYS: the stream, a hash whose field `written` counts all that were ever appended
-- ARGV: how many are kept, about; what the first script of the chain has returned, with commas between, or '?' where
--       this is the last one of that chain, and so finds it in ARGV.answers; then of each event:
--       when it is one, its type, its user, its moment (s), its data
-- When: 'always'; 'marked' where the answer has a 1 in its place; 'first' where it begins with a 1; 'each' once for each
-- session id in it, which the data then ends with: the text up to the id.
-- Returns {how many were appended, how many were not}, or 0 where it should have been in a chain and was not.
local stream, counts, most = KEYS[1], KEYS[2], ARGV[1]

local answer = {}
if ARGV[2] ~= '?' then
  for part in string.gmatch(ARGV[2], '[^,]+') do
    answer[#answer + 1] = part
  end
elseif ARGV.answers then
  answer = type(ARGV.answers[1]) == 'table' and ARGV.answers[1] or {}
else
  return 0
end

-- A value of another type, as an operator may leave one, makes room.
local function write(command, key, ...)
  local written = redis.pcall(command, key, ...)
  if type(written) == 'table' and written.err and string.find(written.err, 'WRONGTYPE', 1, true) then
    redis.pcall('DEL', key)
    written = redis.pcall(command, key, ...)
  end
  return type(written) ~= 'table' and written or nil
end

local appended, refused = 0, 0
local function append(kind, user, at, data)
  local n = write('HINCRBY', counts, 'written', 1)
  if n and write('XADD', stream, 'MAXLEN', '~', most, '*',
    'type', kind, 'user', user, 'at', at, 'data', data, 'n', n) then
    appended = appended + 1
  else
    refused = refused + 1
  end
end

local place = 0
for i = 3, #ARGV, 5 do
  local when, kind, user, at, data = unpack(ARGV, i, i + 4)
  place = place + 1
  if when == 'each' then
    for _, id in ipairs(answer) do
      if string.match(id, '^%x+$') and #id == 16 then
        append(kind, user, at, data .. id .. '"}')
      end
    end
  elseif when == 'always' or tostring(answer[when == 'first' and 1 or place]) == '1' then
    append(kind, user, at, data)
  end
end
return { appended, refused }
