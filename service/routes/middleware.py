"""What happens around every request: its id, its place in the log and the metrics, and the headers of its answer."""

import logging
import time

from sanic import HTTPResponse
from sanic.constants import HTTP_METHODS

from service import deadline
from service.logs import CLIENT_IP, REQUEST_ID
from service.routes.requests import BASE_PATH, App, Request, client_ip, request_id

UNMATCHED = "unmatched"
OTHER_METHOD = "OTHER"
# Routes that machines call all the time: their good answers are logged at DEBUG.
QUIET = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", f"{BASE_PATH}/authorizations")}
LEAST_FAILURE = 400

log = logging.getLogger("service.access")


def attach(app: App) -> None:
    """Register the middleware."""
    app.on_request(begin)
    app.on_response(finish)  # type: ignore[no-untyped-call]


async def begin(request: Request) -> None:
    """Note the time and how much of it there is, and what every log line of this request carries."""
    request.ctx.started = time.perf_counter()
    deadline.begin(request.app.ctx.settings.stores_timeout)
    REQUEST_ID.set(request_id(request))
    CLIENT_IP.set(client_ip(request))
    tracing = request.app.ctx.observation.tracing
    if tracing and request.path.startswith(BASE_PATH):  # not what load balancers and Prometheus ask all the time
        request.ctx.span = tracing.begin(_method(request), request.headers)


async def finish(request: Request, response: HTTPResponse) -> None:
    """Add what every answer carries, whoever made it; count it and log it. The path is logged as its template."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Request-ID"] = request_id(request)
    seconds = time.perf_counter() - getattr(request.ctx, "started", time.perf_counter())
    route = f"/{request.route.path}" if request.route else UNMATCHED
    method = _method(request)
    request.app.ctx.observation.metrics.observe(method, route, response.status, seconds)
    tracing, span = request.app.ctx.observation.tracing, getattr(request.ctx, "span", None)
    if tracing and span:
        tracing.end(span, method, route, response.status, request_id(request))
    quiet = (request.method, route) in QUIET and response.status < LEAST_FAILURE
    level = logging.DEBUG if quiet else logging.INFO
    if log.isEnabledFor(level):
        extra = {"status": response.status, "ms": round(seconds * 1000, 1)}
        log.log(level, "%s %s", request.method, route, extra=extra)


def _method(request: Request) -> str:
    """The method, or one word for all that anybody can invent."""
    return request.method if request.method in HTTP_METHODS else OTHER_METHOD
