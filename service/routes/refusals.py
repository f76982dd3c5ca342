"""Requests read no further than to refuse them: which kind they are of, and the whole answer."""

import re
from random import choice
from typing import Self

import orjson

from service.errors import ServiceUnavailable
from service.load import Kind
from service.routes.answers import JSON
from service.routes.requests import BASE_PATH, sane_id

SPARED = ("/healthz", "/readyz", "/metrics")  # whoever watches a server needs its answer most when it is overloaded
WAITS = ("1", "2", "3")  # seconds: those who are refused together do not come back together

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


class Whole:
    """A request that came in one piece, with nothing before or after it."""

    def __init__(self, found: re.Match[bytes]) -> None:
        self.headers = found["headers"]
        self.kind = kind_of(found["method"].decode(), found["target"].partition(b"?")[0].decode("latin-1"))

    @classmethod
    def of(cls, data: bytes) -> Self | None:
        """The request in these bytes, if they are one and nothing else."""
        found = _WHOLE.match(data)
        if not found or _NEEDS_MORE.search(found["headers"]):
            return None
        length = _LENGTH.findall(found["headers"])
        body = int(length[0]) if len(length) == 1 else 0
        return cls(found) if len(length) <= 1 and found.end() + body == len(data) else None

    @property
    def closes(self) -> bool:
        """Whether the client wants the connection closed."""
        return _CLOSES.search(self.headers) is not None

    @property
    def request_id(self) -> str:
        """The id sent if it is sane, else a new one."""
        found = _SENT_ID.search(self.headers) if b"equest-" in self.headers or b"EQUEST-" in self.headers else None
        return sane_id(found[1].decode("ascii") if found else "")


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


def refusal(request_id: str, *, closes: bool) -> bytes:
    """The whole answer, as `errors.py` would have it made. A sane id needs no escaping."""
    body = _BODY % request_id
    wait = choice(WAITS)  # noqa: S311 - not a secret
    return (_REFUSALS[closes] % (request_id, wait, len(body), body)).encode("ascii")
