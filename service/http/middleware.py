"""What happens around every request that Sanic handles: its id, its time, and the end of its answer."""

import time

from sanic import HTTPResponse

from service.http import access_log
from service.http.requests import BASE_PATH, App, Request, client_ip, request_id
from service.observability.logs import CLIENT_IP, REQUEST_ID
from service.runtime import deadline


def attach(app: App) -> None:
    """Register the middleware."""
    app.on_request(begin)
    app.on_response(finish)  # type: ignore[no-untyped-call]


async def begin(request: Request) -> None:
    """Note the time and how much of it there is, and what every log line of this request carries."""
    request.ctx.started = time.perf_counter()
    deadline.start(request.app.ctx.settings.stores_timeout)
    REQUEST_ID.set(request_id(request))
    CLIENT_IP.set(client_ip(request.raw, request.app.ctx.settings.trusted_proxies))
    tracing = request.app.ctx.telemetry.tracing
    if tracing and request.path.startswith(BASE_PATH):  # not what load balancers and Prometheus ask all the time
        request.ctx.span = tracing.begin(access_log.known(request.method), request.headers)
    if request.stream and request.stream.request_body:  # of a route that reads none; Sanic would log its address
        await request.receive_body()  # type: ignore[no-untyped-call]


async def finish(request: Request, response: HTTPResponse) -> None:
    """Add what every answer carries, whoever made it; count it and log it. The path is logged as its template."""
    if request.stream and request.app.ctx.admission.stopping:
        request.stream.keep_alive = False  # type: ignore[attr-defined]  # the next request belongs to another server
    began = getattr(request.ctx, "started", None) or time.perf_counter()
    route = f"/{request.route.path}" if request.route else access_log.UNMATCHED
    client = getattr(request.ctx, "client", "")
    access_log.close(request.app, request_id(request), request.method, route, response, began, client)
    tracing, span = request.app.ctx.telemetry.tracing, getattr(request.ctx, "span", None)
    if tracing and span:
        tracing.end(span, access_log.known(request.method), route, response.status, request_id(request))
