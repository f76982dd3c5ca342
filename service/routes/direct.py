"""Checks, logins and refreshes answered on their connection: most of what Latch does, and much of its cost was Sanic's.

A request that has nothing in it that needs more is answered here as its route in `authorizations.py` answers it: by the
same use case, with the same envelope, headers, metrics and log lines. A test holds the two to the same bytes. All other
requests, and all while traces are made, go the long way.
"""

import time

from service.errors import InvalidRefreshToken, InvalidToken
from service.http import access_log
from service.http.cors import cors_headers, cors_lines
from service.http.errors import answer_to_any
from service.http.head import RawRequest
from service.http.overload import kind_of
from service.http.requests import BASE_PATH, App, bearer_in, client_behind, device_of, sane_id
from service.http.responses import OK, Data, body_of, on_the_wire
from service.observability.logs import CLIENT_IP, REQUEST_ID
from service.routes import payloads
from service.routes.authorizations import logged_in, refreshed
from service.runtime import deadline
from service.runtime.admission import Kind

PATH = f"{BASE_PATH}/authorizations"
CHECK, REFRESH, LOGIN = "GET", "PUT", "POST"
_TARGET = PATH.encode()
_KINDS = {method.encode(): kind_of(method, PATH) for method in (CHECK, REFRESH, LOGIN)}
_BODY = b'{"message":"ok","data":{"user_id":%d,"session_id":"%b","expires_in":%d}}'
_COMMON = (
    b"Cache-Control: no-store\r\nX-Request-ID: %b\r\n%b"
    b"content-length: %d\r\nconnection: %b\r\ncontent-type: application/json\r\n\r\n%b"
)
_DONE = b"HTTP/1.1 200 OK\r\n" + _COMMON
_CONFIRMED = b"HTTP/1.1 200 OK\r\nX-User-Id: %d\r\nX-Session-Id: %b\r\n" + _COMMON


def kind_if_direct(request: RawRequest) -> Kind | None:
    """What a request waits for that can be answered here; None for those that cannot."""
    head = request.head
    if head.target != _TARGET or head.has_repeated or not head.is_persistent:
        return None
    is_login = head.method == b"POST"
    if is_login != bool(request.body) or (is_login and not payloads.is_json(head.header(b"content-type"))):
        return None
    return _KINDS.get(head.method)


def changes_state(request: RawRequest) -> bool:
    """Whether it must be done to its end though its client hangs up."""
    return request.head.method != b"GET"


async def answer(app: App, request: RawRequest, peer: str) -> bytes:
    """The whole answer, as it is sent, to a request from this end of a socket."""
    began = time.perf_counter()
    head, settings = request.head, app.ctx.settings
    deadline.begin(settings.stores_timeout)
    method, request_id = head.method.decode(), sane_id(head.header(b"x-request-id"))
    REQUEST_ID.set(request_id)
    cors = cors_lines(app, head.header(b"origin")) if b"origin" in head.headers else b""
    ip = client_behind(settings.trusted_proxies, [head.header(b"x-forwarded-for")], peer)
    CLIENT_IP.set(ip)
    try:
        if method == CHECK:
            return await _confirmed(app, request, request_id, cors, began)
        done = body_of(await (_logged_in(app, request, ip) if method == LOGIN else _refreshed(app, request)))
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
        response = answer_to_any(error, method, request_id)
        access_log.close(app, request_id, method, PATH, response, began)
        response.headers.update(cors_headers(app, head.header(b"origin")))
        return on_the_wire(response, _connection(app))
    access_log.count(app, method, PATH, OK, began)
    return _DONE % (request_id.encode(), cors, len(done), _connection(app), done)


async def _confirmed(app: App, request: RawRequest, request_id: str, cors: bytes, began: float) -> bytes:
    token = bearer_in(request.head.header(b"authorization"))
    if token is None:
        raise InvalidToken(sent=False)
    identity = await app.ctx.authorizations.check(token)
    access_log.count(app, CHECK, PATH, OK, began)
    user_id, session_id = identity.user_id, identity.session_id.encode()
    body = _BODY % (user_id, session_id, identity.expires_in)
    return _CONFIRMED % (user_id, session_id, request_id.encode(), cors, len(body), _connection(app), body)


async def _logged_in(app: App, request: RawRequest, ip: str) -> Data:
    credentials = payloads.credentials_in(request.body, app.ctx.settings.code_length)
    device = device_of(request.head.header(b"x-device-name"), request.head.header(b"user-agent"), ip)
    return await logged_in(app, credentials, device)


async def _refreshed(app: App, request: RawRequest) -> Data:
    token = bearer_in(request.head.header(b"authorization"))
    if token is None:
        raise InvalidRefreshToken
    return await refreshed(app, token)


def _connection(app: App) -> bytes:
    return b"close" if app.ctx.load.stopping else b"keep-alive"
