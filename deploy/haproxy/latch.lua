-- HAProxy asks Latch about a request: `http-request lua.latch`. docs/forward-auth.md explains it, tests/gateways runs it.
-- Latch's address stands in the variable proc.latch.

local CHECK = "/app/v1_0/forward-auth"
local TIMEOUT = 4000 -- milliseconds; longer than REDIS_TIMEOUT twice: Latch's own 503 is better than ours
local ASKED_WITH = { "authorization", "origin", "x-request-id" } -- cookies and all else are none of Latch's business
local FRAMING = { connection = true, ["content-length"] = true, ["keep-alive"] = true, ["transfer-encoding"] = true }
local AWAY = '{"message":"The service is temporarily unavailable. Please try again.",'
    .. '"error":"service_unavailable","request_id":"%s"}'

-- HAProxy counts the values of a header from 0, and its client takes them counted from 1.
local function values(of)
    local list = {}
    for index = 0, #of do
        list[index + 1] = of[index]
    end
    return list
end

local function first(headers, name)
    return headers[name] and headers[name][0]
end

local function ask(txn, sent)
    local headers = { ["x-forwarded-for"] = { txn.f:src() } }
    for _, name in ipairs(ASKED_WITH) do
        headers[name] = sent[name] and values(sent[name])
    end
    return core.httpclient():get({ url = txn:get_var("proc.latch") .. CHECK, headers = headers, timeout = TIMEOUT })
end

-- Latch is away: 503 and never 401, because apps delete their tokens on that. Any page may read it.
local function unavailable(txn, sent)
    local id = first(sent, "x-request-id") or ""
    local reply = txn:reply({ status = 503, body = AWAY:format(id) })
    reply:add_header("Content-Type", "application/json")
    reply:add_header("Cache-Control", "no-store")
    reply:add_header("Retry-After", "1")
    reply:add_header("X-Request-ID", id)
    reply:add_header("Access-Control-Allow-Origin", first(sent, "origin") or "*")
    reply:add_header("Access-Control-Expose-Headers", "X-Request-ID, Retry-After")
    txn:done(reply)
end

local function refuse(txn, answer)
    local reply = txn:reply({ status = answer.status, reason = answer.reason, body = answer.body })
    for name, list in pairs(answer.headers) do
        for _, value in pairs(FRAMING[name] and {} or list) do
            reply:add_header(name, value)
        end
    end
    txn:done(reply)
end

core.register_action("latch", { "http-req" }, function(txn)
    local sent = txn.http:req_get_headers()
    local answer = ask(txn, sent)
    local user = answer and answer.headers and first(answer.headers, "x-user-id")
    if answer and answer.status == 200 and user then
        txn.http:req_set_header("X-User-Id", user)
        txn.http:req_set_header("X-Session-Id", first(answer.headers, "x-session-id"))
        txn:set_var("txn.latch_origin", first(answer.headers, "access-control-allow-origin") or "")
    elseif answer and answer.status >= 400 and answer.status < 500 then
        refuse(txn, answer)
    else
        unavailable(txn, sent)
    end
end, 0)
