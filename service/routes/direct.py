"""Checks, logins and refreshes answered on their connection: most of what Latch does, and much of its cost was Sanic's.

A request that came whole, with nothing in it that needs more (`plain.py`), is answered here as its route in
`authorizations.py` answers it: by the same use case, with the same envelope, headers, metrics and log lines. A test
holds the two to the same bytes. All other requests, and all while traces are made, go the long way.
"""

import time

from sanic.headers import format_http1_response

from service import deadline
from service.errors import InvalidRefreshToken, InvalidToken
from service.logs import CLIENT_IP, REQUEST_ID
from service.routes import accounting, payloads
from service.routes.answers import OK, Answer, Data, body_of
from service.routes.authorizations import logged_in, refreshed
from service.routes.errors import answer_to_any
from service.routes.plain import CHECK, LOGIN, PATH, Plain
from service.routes.requests import App, bearer_in, client_behind, device_of, sane_id

_BODY = b'{"message":"ok","data":{"user_id":%d,"session_id":"%b","expires_in":%d}}'
_COMMON = (
    b"Cache-Control: no-store\r\nX-Request-ID: %b\r\n"
    b"content-length: %d\r\nconnection: %b\r\ncontent-type: application/json\r\n\r\n%b"
)
_DONE = b"HTTP/1.1 200 OK\r\n" + _COMMON
_CONFIRMED = b"HTTP/1.1 200 OK\r\nX-User-Id: %d\r\nX-Session-Id: %b\r\n" + _COMMON


async def answer(app: App, plain: Plain, peer: str) -> bytes:
    """The whole answer, as it is sent, to a request from this end of a socket."""
    began = time.perf_counter()
    settings = app.ctx.settings
    deadline.begin(settings.stores_timeout)
    request_id = sane_id(plain.header(b"x-request-id"))
    REQUEST_ID.set(request_id)
    ip = client_behind(settings.trusted_proxies, [plain.header(b"x-forwarded-for")], peer)
    CLIENT_IP.set(ip)
    try:
        if plain.method == CHECK:
            return await _confirmed(app, plain, request_id, began)
        done = body_of(await (_logged_in(app, plain, ip) if plain.method == LOGIN else _refreshed(app, plain)))
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
        response = answer_to_any(error, plain.method, request_id)
        accounting.close(app, request_id, plain.method, PATH, response, began)
        return _on_the_wire(response, _connection(app))
    accounting.count(app, plain.method, PATH, OK, began)
    return _DONE % (request_id.encode(), len(done), _connection(app), done)


async def _confirmed(app: App, plain: Plain, request_id: str, began: float) -> bytes:
    token = bearer_in(plain.header(b"authorization"))
    if token is None:
        raise InvalidToken(sent=False)
    identity = await app.ctx.authorizations.check(token)
    accounting.count(app, CHECK, PATH, OK, began)
    user_id, session_id = identity.user_id, identity.session_id.encode()
    body = _BODY % (user_id, session_id, identity.expires_in)
    return _CONFIRMED % (user_id, session_id, request_id.encode(), len(body), _connection(app), body)


async def _logged_in(app: App, plain: Plain, ip: str) -> Data:
    credentials = payloads.credentials_in(plain.body, app.ctx.settings.code_length)
    device = device_of(plain.header(b"x-device-name"), plain.header(b"user-agent"), ip)
    return await logged_in(app, credentials, device)


async def _refreshed(app: App, plain: Plain) -> Data:
    token = bearer_in(plain.header(b"authorization"))
    if token is None:
        raise InvalidRefreshToken
    return await refreshed(app, token)


def _connection(app: App) -> bytes:
    return b"close" if app.ctx.load.stopping else b"keep-alive"


def _on_the_wire(response: Answer, connection: bytes) -> bytes:
    body = response.body or b""
    response.headers["content-length"] = str(len(body))
    response.headers["connection"] = connection.decode()
    return format_http1_response(response.status, response.processed_headers) + body
