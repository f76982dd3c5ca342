"""Answers to what is refused before Sanic sees it: requests that are too many, and what is no request at all."""

import time
from contextvars import copy_context
from random import choice

import orjson

from service.errors import ServiceUnavailable
from service.http import access_log, localized
from service.http.cors import Headers, cors_headers
from service.http.errors import refusal_of
from service.http.head import RequestHead
from service.http.requests import BASE_PATH, App, sane_id
from service.http.responses import JSON, on_the_wire
from service.languages import Language, translated
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
    "HTTP/1.1 503 Service Unavailable\r\nCache-Control: no-store\r\nContent-Language: %s\r\nConnection: %s\r\n"
    f"Content-Type: {JSON}\r\nX-Request-ID: %s\r\n%sRetry-After: %s\r\nContent-Length: %d\r\n\r\n"
)
_BODIES = {
    language: orjson.dumps(
        {
            "message": translated(ServiceUnavailable.message, language),
            "error": ServiceUnavailable.code,
            "request_id": "%s",
        }
    ).decode()
    for language in Language
}


def refusal(request_id: str, language: Language, *, closes: bool, cors: Headers = (), has_body: bool = True) -> bytes:
    """The whole answer, as `errors.py` would have it made. A sane id needs no escaping."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in cors])
    body = (_BODIES[language] % request_id).encode()
    wait = choice(WAITS)  # noqa: S311 - not a secret
    connection = "close" if closes else "keep-alive"
    head = _REFUSAL % (language, connection, request_id, lines, wait, len(body))
    return head.encode("ascii") + (body if has_body else b"")


def broken_off(app: App, head: RequestHead | None, status: int, peer: str, seconds: float) -> bytes:
    """The whole answer after which a connection is closed; it is counted and logged. `head` is what is known of it."""
    return copy_context().run(_broken_off, app, head, status, peer, seconds)


def _broken_off(app: App, head: RequestHead | None, status: int, peer: str, seconds: float) -> bytes:
    request_id, method = sane_id(""), head.method.decode() if head else access_log.OTHER_METHOD
    REQUEST_ID.set(request_id)
    CLIENT_IP.set(peer)
    answer = refusal_of(status, request_id, localized.asked_for(app, head), has_body=method != "HEAD")
    access_log.close(app, request_id, method, access_log.UNMATCHED, answer, time.perf_counter() - seconds)
    answer.headers.update(cors_headers(app, head.header(b"origin")) if head else ())
    return on_the_wire(answer, closes=True)
