"""The one shape of every answer: `{"message": "ok", "data": ...}` or `{"message", "error", "request_id", ...}`."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from sanic import HTTPResponse
from sanic.helpers import STATUS_CODES, has_message_body

from service.languages import Language

JSON = "application/json"
OK, CREATED, ACCEPTED, NO_CONTENT = 200, 201, 202, 204

Data = Mapping[str, Any]

_STATUS_LINES = {code: f"HTTP/1.1 {code} {text.decode()}\r\n" for code, text in STATUS_CODES.items()}
_ENDINGS, _ENDINGS_WITHOUT_BODY = (
    [f"content-length: %d\r\nconnection: {option}\r\n{kind}\r\n" for option in ("keep-alive", "close")]
    for kind in (f"content-type: {JSON}\r\n", "")
)


class Answer(HTTPResponse):
    """A response whose headers take a fraction of the time: a plain dictionary, and nearly none needs cleaning."""

    __slots__ = ()

    def __init__(self, body: bytes = b"", *, status: int = OK, headers: Mapping[str, str] | None = None) -> None:
        """A body of JSON, or none."""
        self.asgi = False
        self.body = body
        self.content_type = JSON if body else None
        self.stream = None
        self.status = status
        self.headers = {**(headers or {})}  # type: ignore[assignment]
        self._cookies = None

    @property
    def processed_headers(self) -> Iterator[tuple[bytes, bytes]]:
        """Each name and value. Whatever could end a header line is taken out, as Sanic does."""
        headers = self.headers
        if self.content_type and has_message_body(self.status):  # type: ignore[no-untyped-call]
            headers.setdefault("content-type", self.content_type)
        return ((_name(name), _value(value)) for name, value in headers.items())


@lru_cache(maxsize=256)
def _name(name: str) -> bytes:
    return Answer._sanitize_header_value(name).encode("ascii")  # noqa: SLF001 - its own


def _value(value: object) -> bytes:
    text = value if isinstance(value, str) else f"{value}"
    if not text.isprintable():
        text = Answer._sanitize_header_value(text)  # noqa: SLF001 - its own
    return text.encode(errors="surrogateescape")


def ok(data: Data, headers: Mapping[str, str] | None = None, status: int = OK) -> Answer:
    """200 with data, or another success."""
    body = orjson.dumps({"message": "ok", "data": data}, option=orjson.OPT_UTC_Z)
    return Answer(body, status=status, headers=headers)


def created(data: Data) -> Answer:
    """201 with data."""
    return ok(data, status=CREATED)


def accepted(data: Data) -> Answer:
    """202 with data: it goes on by itself."""
    return ok(data, status=ACCEPTED)


def nothing() -> Answer:
    """204."""
    return Answer(status=NO_CONTENT)


def timestamp(moment: float) -> str:
    """Seconds since the epoch as RFC 3339, UTC, to the second."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def failure(
    request_id: str,
    status: int,
    code: str,
    message: str,
    language: Language,
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Answer:
    """A failure, whose texts are in this language. `extra`: what some errors add (`fields`, `reason`, `retry_after`).

    It needs no `Vary`, for nobody may store it.
    """
    body = {"message": message, "error": code, "request_id": request_id, **(extra or {})}
    return Answer(orjson.dumps(body), status=status, headers={"Content-Language": language, **(headers or {})})


def on_the_wire(answer: Answer, *, closes: bool, has_body: bool = True) -> bytes:
    """The bytes of an answer that is sent without Sanic, which would put its head together in several times as long.

    Without `has_body` they end with the head, which tells the body's length all the same (HEAD).
    """
    body, headers = answer.body or b"", answer.headers
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers):
        raise ValueError("a header holds the end of a line")
    ending = _ENDINGS[closes] if body else _ENDINGS_WITHOUT_BODY[closes]
    head = (_STATUS_LINES[answer.status] + lines + ending % len(body)).encode(errors="surrogateescape")
    return head + body if has_body else head
