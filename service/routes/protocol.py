"""What happens to bytes before they are a request: refusals that cost next to nothing, and bounds on slow clients.

Refusing a request after Sanic has parsed and routed it costs a good part of serving it. At ten times what a worker can
serve it would do nothing but refuse, so a request that came whole is refused here, from its first line, and only a few
in one round of the event loop. Whoever waits to be refused is not listened to meanwhile. Requests that come in pieces,
those of browser apps on other origins, whose answers need headers, and the first ones of a burst are refused in
`middleware.py`.
"""

import re
import time
from functools import partial
from itertools import islice
from random import choice
from typing import Any, Self

import orjson
from sanic.http import Stage
from sanic.server.protocols.http_protocol import HttpProtocol

from service.errors import ServiceUnavailable
from service.load import CONNECTIONS, Kind
from service.routes.answers import JSON
from service.routes.requests import BASE_PATH, sane_id

SPARED = ("/healthz", "/readyz", "/metrics")  # whoever watches a server needs its answer most when it is overloaded
WAITS = ("1", "2", "3")  # seconds: those who are refused together do not come back together
FRESH = 1.0  # seconds in which a connection is not yet idle
LOOKS = 64  # connections looked at for one that is idle

_WHOLE = re.compile(
    rb"(?P<method>GET|POST|PUT|DELETE) (?P<target>/[^ \r\n]*) HTTP/1\.1\r\n(?P<headers>(?:[^\r\n]+\r\n)*)\r\n"
)
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,8})[ \t]*\r$", re.IGNORECASE | re.MULTILINE)
_NEEDS_MORE = re.compile(rb"^(?:transfer-encoding|expect|origin|upgrade):", re.IGNORECASE | re.MULTILINE)
_SENT_ID = re.compile(rb"^x-request-id:[ \t]*([\x21-\x7e]*)[ \t]*\r$", re.IGNORECASE | re.MULTILINE)
_CLOSES = re.compile(rb"^connection:[ \t]*close", re.IGNORECASE | re.MULTILINE)
_CODES, _LOGIN, _USER = f"{BASE_PATH}/sms/", f"{BASE_PATH}/authorizations", f"{BASE_PATH}/user"


def kind_of(method: str, path: str) -> Kind | None:
    """What a request waits for; None for those that are never refused."""
    if path in SPARED:
        return None
    if path.startswith(_CODES):
        return Kind.CODES
    if path.startswith(_USER) or (method == "POST" and path.startswith(_LOGIN)):
        return Kind.DATABASE
    return Kind.SESSIONS


class _Whole:
    """A request that came in one piece, with nothing before or after it."""

    def __init__(self, found: re.Match[bytes]) -> None:
        self.headers = found["headers"]
        self.kind = kind_of(found["method"].decode(), found["target"].partition(b"?")[0].decode("latin-1"))

    @classmethod
    def of(cls, data: bytes) -> Self | None:
        found = _WHOLE.match(data)
        if not found or _NEEDS_MORE.search(found["headers"]):
            return None
        length = _LENGTH.findall(found["headers"])
        body = int(length[0]) if len(length) == 1 else 0
        return cls(found) if len(length) <= 1 and found.end() + body == len(data) else None

    @property
    def closes(self) -> bool:
        return _CLOSES.search(self.headers) is not None

    @property
    def request_id(self) -> str:
        found = _SENT_ID.search(self.headers) if b"equest-" in self.headers or b"EQUEST-" in self.headers else None
        return sane_id(found[1].decode("ascii") if found else "")


class BoundedProtocol(HttpProtocol):
    """One connection. A request that is there holds a place of `load` from its last byte to the end of its answer."""

    __slots__ = ("_kind",)

    def __init__(self, **given: Any) -> None:
        """Take what Sanic passes."""
        super().__init__(**given)
        self._kind: Kind | None = None

    def connection_made(self, transport: Any) -> None:
        """Make room for the connection by closing one that is idle, or else refuse it."""
        context = self.app.ctx
        if len(self.connections) >= context.settings.max_connections and not self._make_room():
            context.load.refuse(CONNECTIONS)
            transport.write(_refusal(sane_id(""), closes=True))
            transport.close()
            return
        super().connection_made(transport)  # type: ignore[no-untyped-call]

    @property
    def idle_since(self) -> float:
        """When something was last sent or received, in seconds of a clock of its own."""
        return self._time

    def _make_room(self) -> bool:
        """Close a connection that has been idle for a while. A new one is about to ask, and is let be."""
        before = time.monotonic() - FRESH
        return any(
            other.idle_since < before and other.close_if_idle() for other in tuple(islice(self.connections, LOOKS))
        )

    def data_received(self, data: bytes) -> None:
        """Refuse a request that is whole and too many; hand everything else to Sanic."""
        if self.transport is None:  # the connection was refused
            return
        stage = Stage.IDLE if self.http is None else self.http.stage
        if stage is Stage.IDLE:
            if (
                self.app.ctx.load.is_busy
                and self._kind is None
                and not self.recv_buffer
                and (whole := _Whole.of(data))
                and not self._admit(whole)
            ):
                return
            super().data_received(data)
            return
        began = self._time
        super().data_received(data)
        self._time = began  # REQUEST_TIMEOUT is for the whole request: a byte now and then buys no more time

    def _admit(self, whole: _Whole) -> bool:
        if self.take(whole.kind):
            return True
        if self.transport is not None:
            self.transport.pause_reading()
            if self.http is None:  # Sanic is about to begin with this connection, and would have it read again
                self._turn_away(whole)
            else:
                self.app.ctx.load.when_there_is_time(partial(self._turn_away, whole))
        return False

    def _turn_away(self, whole: _Whole) -> None:
        """Answer 503 and listen again, or close where that was asked for, or the server is stopping."""
        if self.transport is None or self.transport.is_closing():
            return
        closes = whole.closes or self.app.ctx.load.stopping
        self.transport.write(_refusal(whole.request_id, closes=closes))
        if closes:
            self.close()
        else:
            self.transport.resume_reading()

    def take(self, kind: Kind | None) -> bool:
        """Take a place for the request that has come, unless it holds one or needs none."""
        if self._kind is None and kind is not None:
            if not self.app.ctx.load.take(kind):
                return False
            self._kind = kind
        return True

    async def receive_more(self) -> None:
        """Sanic asks for more: between two requests, nothing is in flight."""
        if self.http is not None and self.http.stage is Stage.IDLE:
            self._give_back()
        await super().receive_more()  # type: ignore[no-untyped-call]

    def connection_lost(self, exc: Exception | None) -> None:
        """Work that goes on all the same is counted where it is done, in `completion.py`."""
        self._give_back()
        if self.conn_info is not None:
            super().connection_lost(exc)  # type: ignore[no-untyped-call]

    def _give_back(self) -> None:
        if self._kind is not None:
            self.app.ctx.load.give_back(self._kind)
            self._kind = None


_REFUSALS = {
    closes: (
        f"HTTP/1.1 503 Service Unavailable\r\nCache-Control: no-store\r\nConnection: {connection}\r\n"
        f"Content-Type: {JSON}\r\nX-Request-ID: %s\r\nRetry-After: %s\r\nContent-Length: %d\r\n\r\n%s"
    )
    for closes, connection in ((True, "close"), (False, "keep-alive"))
}
_BODY = orjson.dumps(
    {"message": ServiceUnavailable.message, "error": ServiceUnavailable.code, "request_id": "%s"}
).decode()


def _refusal(request_id: str, *, closes: bool) -> bytes:
    """The whole answer, as `errors.py` would have it made. A sane id needs no escaping."""
    body = _BODY % request_id
    wait = choice(WAITS)  # noqa: S311 - not a secret
    return (_REFUSALS[closes] % (request_id, wait, len(body), body)).encode("ascii")
