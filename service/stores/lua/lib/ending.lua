-- Ending a session never fails for want of memory: what ends one deletes before it writes. Redis looks at its memory
-- before the first write of a script alone (6.2 to 9), so one that begins with a DEL goes through where it is full.

-- Writes what may be left out where there is no room for it, should a server look again.
local function write_if_there_is_room(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err and not string.find(answer.err, 'OOM', 1, true) then
    error(answer.err)
  end
end

-- Ends one session; its record becomes a tombstone that says why, for as long as it would have lived. Whether it was
-- there. PTTL is -1 where an operator has made it persistent, and 0 in its last moment.
local function bury(session, tombstone)
  local life = redis.call('PTTL', session)
  if redis.call('DEL', session) == 0 then
    return false
  end
  if life > 0 then
    write_if_there_is_room('SET', session, tombstone, 'PX', life)
  elseif life == -1 then
    write_if_there_is_room('SET', session, tombstone)
  end
  return true
end

-- The same where the script has deleted something before, with one command in the place of three.
local function bury_after_a_deletion(session, tombstone)
  local answer = redis.pcall('SET', session, tombstone, 'XX', 'KEEPTTL')
  if type(answer) == 'table' and answer.err then
    return bury(session, tombstone)
  end
  return answer ~= false
end

-- Ends the session of this id if the user's list names it, and takes it from there. Whether the list did, and then
-- whether it was there.
local function finish(session, sessions, id, tombstone)
  local list = read(sessions)
  if list == id then -- as of most people
    redis.call('DEL', sessions)
    return true, bury_after_a_deletion(session, tombstone)
  end
  local others, listed = {}, false
  for other in string.gmatch(list, '[^,]+') do
    if other == id then
      listed = true
    else
      others[#others + 1] = other
    end
  end
  if not listed then
    return false, false
  end

  if #others == 0 then
    redis.call('DEL', sessions)
    return true, bury_after_a_deletion(session, tombstone)
  end
  local was_live = bury(session, tombstone)
  -- Written over, never deleted first: refused, it would name a session too many, which is none any more.
  write_if_there_is_room('SET', sessions, table.concat(others, ','), 'KEEPTTL')
  return true, was_live
end
