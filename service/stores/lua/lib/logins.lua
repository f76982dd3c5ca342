-- A login that named its request is known for a while by a record, `<digest> <the rest>`.

-- The strings of a list with commas between.
local function split(list)
  local parts = {}
  for part in string.gmatch(list, '[^,]+') do
    parts[#parts + 1] = part
  end
  return parts
end

-- The record of the login that this try repeats: `records` are the keys where it may lie, `digests` what it begins with.
-- One that is `over` goes, and so does that of a try with another code: whoever knows the request alone has one guess.
-- Digests are keyed, so how long comparing them takes tells nothing.
local function past_login(records, digests, over)
  for n, record in ipairs(records) do
    local found = read(record)
    if found ~= over and string.match(found, '^%S+') == digests[n] then
      return found
    end
    if found ~= '' then
      redis.call('DEL', record)
    end
  end
  return nil
end
