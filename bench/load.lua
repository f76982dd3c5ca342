-- What wrk sends and what it tells. Arguments: a file of requests, divided by the byte 0x1E, and "once" or "again".
-- Without a file it sends the request of its command line, without asking this script for each.
local threads = {}
local list, at, repeated = {}, 0, false

function setup(thread)
  table.insert(threads, thread)
end

local function following()
  at = at + 1
  if at > #list then
    used_up = not repeated
    at = 1
  end
  return list[at]
end

function init(args)
  statuses, used_up = {}, false
  if not args[1] then
    return
  end
  for request in io.open(args[1], 'rb'):read('*a'):gmatch('[^\30]+') do
    table.insert(list, request)
  end
  repeated = args[2] == 'again'
  request = following
  response = function(status)
    local key = tostring(status)
    statuses[key] = (statuses[key] or 0) + 1
  end
end

function done(summary, latency, _)
  local counted, ended = {}, false
  for _, thread in ipairs(threads) do
    ended = ended or thread:get('used_up')
    for status, times in pairs(thread:get('statuses')) do
      counted[status] = (counted[status] or 0) + times
    end
  end
  local errors, pairs_of = summary.errors, {}
  for status, times in pairs(counted) do
    table.insert(pairs_of, string.format('"%s":%d', status, times))
  end
  io.write(string.format(
    'RESULT {"answered":%d,"seconds":%.6f,"p50":%.6f,"p99":%.6f,"failed":%d,"broken":%d,"used_up":%s,"statuses":{%s}}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, tostring(ended), table.concat(pairs_of, ',')))
end
