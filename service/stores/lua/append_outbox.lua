-- Appends events to the stream that other systems read, and never fails: what they tell of is done.
-- KEYS: the stream, a hash whose field `written` counts all that were ever appended
-- ARGV: how many are kept, about; what the first script of the chain has returned, with commas between, or '?' where
--       this is the last one of that chain, and so finds it in ARGV.answers; the moment (s); then of each event:
--       when it is one, its type, its user and its data, with blanks between
-- When: '='; '?' where the answer has a 1 in its place; '1' where it begins with a 1; '*' once for each session id in it,
-- which the data then ends with: the text up to the id.
-- Returns {how many were appended, how many were not}, or 0 where it should have been in a chain and was not.
local stream, counts, most, at = KEYS[1], KEYS[2], ARGV[1], ARGV[3]

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
local function append(kind, user, data)
  local n = write('HINCRBY', counts, 'written', 1)
  if n and write('XADD', stream, 'MAXLEN', '~', most, '*',
    'type', kind, 'user', user, 'at', at, 'data', data, 'n', n) then
    appended = appended + 1
    return
  end
  refused = refused + 1
  if n then
    redis.pcall('HINCRBY', counts, 'written', -1)
  end
end

for i = 4, #ARGV do
  local when, kind, user, data = string.match(ARGV[i], '^(%S) (%S+) (%d+) (.*)$')
  if when == '*' then
    for _, part in ipairs(answer) do
      local id = tostring(part)
      if #id == 16 and string.match(id, '^%x+$') then
        append(kind, user, data .. id .. '"}')
      end
    end
  elseif when == '=' or tostring(answer[when == '1' and 1 or i - 3]) == '1' then
    append(kind, user, data)
  end
end
return { appended, refused }
