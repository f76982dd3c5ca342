"""Serves hot routes straight from a request's bytes, without a request, a route and a response of Sanic's.

Most of what Latch does is checks, refreshes and logins, and more than half of what they cost was Sanic's. A FastRoute
is declared beside its Sanic route and has one `handle` for both ways, so that they cannot differ. What Sanic's way does
around it (`middleware.py`) is done here: time limits, ids, traces, metrics, the log, CORS.
"""

import re
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from sanic import Blueprint, HTTPResponse

from service.http import access_log, localized
from service.http.cors import cors_headers
from service.http.errors import answer_to_any
from service.http.head import RawRequest, RequestHead
from service.http.requests import App, Request, client_ip, sane_id
from service.http.responses import Answer, on_the_wire
from service.observability.logs import CLIENT_IP, REQUEST_ID
from service.runtime import deadline
from service.runtime.admission import RequestClass

TRACE_CONTEXT = ("traceparent", "tracestate")  # https://www.w3.org/TR/trace-context/

ANY = "*"
_BEFORE_PATH = rb"(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?]*)?"
_BELOW = rb"(?=[/?]|\Z)"

Handle = Callable[[App, RawRequest], Awaitable[Answer]]


class FastRoute(NamedTuple):
    """One method of one path; ANY: all methods, of the path and of all below it, served as soon as the head is there.

    `mutates`: it is done to its end though its client hangs up.
    """

    method: str
    path: str
    kind: RequestClass
    handle: Handle
    has_body: bool = False
    mutates: bool = False


class FastRoutes:
    """The table of them."""

    def __init__(self, routes: Iterable[FastRoute]) -> None:
        self._routes = {(route.method.encode(), route.path.encode()): route for route in routes}
        self._of_any = [
            (re.compile(_BEFORE_PATH + re.escape(route.path.encode()) + _BELOW), route)
            for route in self._routes.values()
            if route.method == ANY
        ]

    def find(self, raw: RawRequest) -> FastRoute | None:
        """The route of a request; None where it has none here, or something in it is unusual and for Sanic to see."""
        head = raw.head
        route = self._routes.get((head.method, head.target))
        if route is None:
            return self._of_any_method(head)
        if head.has_repeated or not head.is_persistent or route.has_body != bool(raw.body):
            return None
        return route

    def needs_no_body(self, head: RequestHead) -> bool:
        """Whether such a request is answered from its head."""
        return self._of_any_method(head) is not None

    def _of_any_method(self, head: RequestHead) -> FastRoute | None:
        return next((route for paths, route in self._of_any if paths.match(head.target)), None)


async def serve(app: App, route: FastRoute, raw: RawRequest) -> bytes:
    """The whole answer, as it is sent."""
    began, head, context = time.perf_counter(), raw.head, app.ctx
    deadline.start(context.settings.stores_timeout)
    request_id = sane_id(head.header(b"x-request-id"))
    REQUEST_ID.set(request_id)
    CLIENT_IP.set(client_ip(raw, context.settings.trusted_proxies))
    tracing = context.telemetry.tracing
    method = head.method.decode()
    span = tracing.begin(access_log.known(method), _trace_context(raw)) if tracing else None
    try:
        answer = await route.handle(app, raw)
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
        answer = answer_to_any(error, request_id, localized.asked_for(app, head))
    access_log.close(app, request_id, method, route.path, answer, began)
    if b"origin" in head.headers:
        answer.headers.update(cors_headers(app, head.header(b"origin")))
    if tracing and span:
        tracing.end(span, access_log.known(method), route.path, answer.status, request_id)
    closes = context.admission.stopping or head.is_last
    return on_the_wire(answer, closes=closes, has_body=method != "HEAD")


def add_to(blueprint: Blueprint, route: FastRoute, describe: Callable[[object], object]) -> None:
    """The same route for Sanic, at the blueprint's own path. `describe` is sanic-ext's decorator for OpenAPI."""

    async def handle(request: Request) -> HTTPResponse:
        work = route.handle(request.app, request.raw)
        return await (request.app.ctx.background.shielded(work) if route.mutates else work)  # type: ignore[arg-type]

    handle.__name__ = route.handle.__name__
    blueprint.add_route(describe(handle), "/", methods=["GET" if route.method == ANY else route.method])  # type: ignore[arg-type]


def _trace_context(raw: RawRequest) -> dict[str, str]:
    return {name: raw.head.header(name.encode()) for name in TRACE_CONTEXT if name.encode() in raw.head.headers}
