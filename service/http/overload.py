"""Answers to what is refused before Sanic sees it: requests that are too many, and what is no request at all."""

import time
from contextvars import copy_context
from random import choice

import orjson

from service.errors import ServiceUnavailable
from service.http import access_log
from service.http.cors import Headers, cors_headers
from service.http.errors import refusal_of
from service.http.head import RequestHead
from service.http.requests import BASE_PATH, App, sane_id
from service.http.responses import JSON, on_the_wire
from service.observability.logs import CLIENT_IP, REQUEST_ID
from service.runtime.admission import RequestClass

SPARED = ("/healthz", "/readyz", "/metrics")  # whoever watches a server needs its answer most when it is overloaded
WAITS = ("1", "2", "3")  # seconds: those who are refused together do not come back together

_CODES, _LOGIN, _USER = f"{BASE_PATH}/sms/", f"{BASE_PATH}/authorizations", f"{BASE_PATH}/user"


def kind_of(method: str, path: str) -> RequestClass | None:
    """What a request waits for; None for those that are never refused."""
    if path in SPARED:
        return None
    if path.startswith(_CODES):
        return RequestClass.CODES
    if path.startswith(_LOGIN) and method == "PUT":
        return RequestClass.REFRESHES
    if path.startswith(_USER) or (path.startswith(_LOGIN) and method == "POST"):
        return RequestClass.DATABASE
    return RequestClass.SESSIONS


_REFUSAL = (
    "HTTP/1.1 503 Service Unavailable\r\nCache-Control: no-store\r\nConnection: %s\r\n"
    f"Content-Type: {JSON}\r\nX-Request-ID: %s\r\n%sRetry-After: %s\r\nContent-Length: %d\r\n\r\n%s"
)
_BODY = orjson.dumps(
    {"message": ServiceUnavailable.message, "error": ServiceUnavailable.code, "request_id": "%s"}
).decode()


def refusal(request_id: str, *, closes: bool, cors: Headers = (), has_body: bool = True) -> bytes:
    """The whole answer, as `errors.py` would have it made. A sane id needs no escaping."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in cors])
    body = _BODY % request_id
    wait = choice(WAITS)  # noqa: S311 - not a secret
    connection = "close" if closes else "keep-alive"
    return (_REFUSAL % (connection, request_id, lines, wait, len(body), body if has_body else "")).encode("ascii")


def broken_off(app: App, head: RequestHead | None, status: int, peer: str, seconds: float) -> bytes:
    """The whole answer after which a connection is closed; it is counted and logged. `head` is what is known of it."""
    return copy_context().run(_broken_off, app, head, status, peer, seconds)


def _broken_off(app: App, head: RequestHead | None, status: int, peer: str, seconds: float) -> bytes:
    request_id, method = sane_id(""), head.method.decode() if head else access_log.OTHER_METHOD
    REQUEST_ID.set(request_id)
    CLIENT_IP.set(peer)
    answer = refusal_of(status, request_id, has_body=method != "HEAD")
    access_log.close(app, request_id, method, access_log.UNMATCHED, answer, time.perf_counter() - seconds)
    answer.headers.update(cors_headers(app, head.header(b"origin")) if head else ())
    return on_the_wire(answer, closes=True)
