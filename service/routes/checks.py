"""Token checks, answered without a Sanic request: most of what Latch does, and most of its cost was around them.

A check that came whole, with nothing in it that needs more, is read here and answered as the route in
`authorizations.py` answers it: by the same use case, with the same envelope, headers, metrics and log lines. A test
holds the two to the same bytes. All other requests, and all while traces are made, go the long way.
"""

import re
import time
from dataclasses import dataclass
from typing import Self

from sanic.headers import format_http1_response

from service import deadline
from service.entities import Identity
from service.errors import InvalidToken, ServiceError
from service.logs import CLIENT_IP, REQUEST_ID
from service.routes import accounting
from service.routes.answers import OK, Answer, ok
from service.routes.errors import answer_to
from service.routes.requests import BASE_PATH, App, bearer_in, client_behind, sane_id

METHOD, ROUTE = "GET", f"{BASE_PATH}/authorizations"
LONGEST = 4096  # bytes; half of what Sanic takes

_HEAD = f"{METHOD} {ROUTE} HTTP/1.1\r\n".encode()
# Every line is one header of printable ASCII; whatever is not is for Sanic to judge.
_REQUEST = re.compile(re.escape(_HEAD) + rb"(?:[A-Za-z0-9-]+:[ \t]*[\x21-\x7e][\x20-\x7e]*\r\n)*\r\n")
# Those that matter here, at the start of a line; of some their presence alone.
_HEADER = re.compile(
    rb"\n(authorization|x-request-id|connection|content-length|transfer-encoding|expect|upgrade|origin"
    rb"|x-forwarded-for):[ \t]*([^\r]*)",
    re.IGNORECASE,
)
_BODY = b'{"message":"ok","data":{"user_id":%d,"session_id":"%b","expires_in":%d}}'
_CONFIRMED = (
    b"HTTP/1.1 200 OK\r\nX-User-Id: %d\r\nX-Session-Id: %b\r\nCache-Control: no-store\r\nX-Request-ID: %b\r\n"
    b"content-length: %d\r\nconnection: %b\r\ncontent-type: application/json\r\n\r\n%b"
)
_READ = (b"authorization", b"x-request-id", b"x-forwarded-for")


@dataclass(frozen=True, slots=True)
class Check:
    """A check that came whole: the token sent, if any, the request's id, and whom proxies say it is for."""

    token: str | None
    request_id: str
    forwarded: str

    @classmethod
    def of(cls, data: bytes) -> Self | None:
        """The check in these bytes, if they are one and nothing else."""
        if not data.startswith(_HEAD) or len(data) > LONGEST or not _REQUEST.fullmatch(data):
            return None
        sent: dict[bytes, bytes] = {}
        for name, value in _HEADER.findall(data):
            known = name.lower()
            stays = known == b"connection" and value.lower() == b"keep-alive"
            if known in sent or not (known in _READ or stays):
                return None
            sent[known] = value
        authorization, sent_id, forwarded = (sent.get(name, b"").decode("ascii") for name in _READ)
        return cls(bearer_in(authorization), sane_id(sent_id), forwarded)


def confirmation(identity: Identity) -> Answer:
    """Whose the token is."""
    data = {
        "user_id": identity.user_id,
        "session_id": identity.session_id,
        "expires_in": identity.expires_in,
    }
    return ok(data, headers={"X-User-Id": str(identity.user_id), "X-Session-Id": identity.session_id})


async def answer(app: App, check: Check, peer: str) -> bytes:
    """The whole answer to a check from this end of a socket, as it is sent. Raises what is a bug of ours."""
    began = time.perf_counter()
    settings = app.ctx.settings
    deadline.begin(settings.stores_timeout)
    REQUEST_ID.set(check.request_id)
    CLIENT_IP.set(client_behind(settings.trusted_proxies, [check.forwarded], peer))
    try:
        if check.token is None:
            raise InvalidToken(sent=False)
        identity = await app.ctx.authorizations.check(check.token)
    except ServiceError as error:
        response = answer_to(error, METHOD, check.request_id)
        accounting.close(app, check.request_id, METHOD, ROUTE, response, began)
        return _on_the_wire(response, closes=app.ctx.load.stopping)
    accounting.count(app, METHOD, ROUTE, OK, began)
    connection = b"close" if app.ctx.load.stopping else b"keep-alive"
    user_id, session_id = identity.user_id, identity.session_id.encode()
    body = _BODY % (user_id, session_id, identity.expires_in)
    return _CONFIRMED % (user_id, session_id, check.request_id.encode(), len(body), connection, body)


def _on_the_wire(response: Answer, *, closes: bool) -> bytes:
    body = response.body or b""
    response.headers["content-length"] = str(len(body))
    response.headers["connection"] = "close" if closes else "keep-alive"
    return format_http1_response(response.status, response.processed_headers) + body
