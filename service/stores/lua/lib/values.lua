-- What can be read of a value. All else counts as not there: another type, a word, `nan`, `1e308`, `0x1F`, -1.

-- The string of a key, '' where there is none.
local function read(key)
  local value = look('GET', key)
  return type(value) == 'string' and value or ''
end

-- A whole number as these scripts write them, of 15 digits at most: a double holds those, and HINCRBY takes them.
local function number(value)
  if type(value) ~= 'string' or #value > 15 or not (value == '0' or string.match(value, '^[1-9]%d*$')) then
    return nil
  end
  return tonumber(value)
end
-- A moment in seconds as the `limits` library writes it: Redis makes 1.7672256001234567e+9 of a number of 17 digits.
-- One that is more than an hour ahead of `now` is none of ours.
local function moment(value, now)
  local seconds = type(value) == 'string' and #value <= 24
    and tonumber(string.match(value, '^%d+%.?%d*$') or string.match(value, '^%d%.%d+e%+%d$') or nil)
  return seconds and seconds <= now + 3600 and seconds or nil
end

