"""The end of every answer: the headers that all carry, the metrics, and the line in the log."""

import logging
import time
from itertools import product

from sanic import HTTPResponse
from sanic.constants import HTTP_METHODS

from service.http.requests import BASE_PATH, App
from service.observability import logs

OTHER_METHOD = "OTHER"
UNMATCHED = "unmatched"
METHODS = frozenset(str(method) for method in HTTP_METHODS)
# Routes that machines call all the time: their good answers are logged at DEBUG.
_QUIET = ("/healthz", "/readyz", "/metrics", f"{BASE_PATH}/authorizations")
QUIET = {*product(("GET", "HEAD"), _QUIET), *product((*METHODS, OTHER_METHOD), (f"{BASE_PATH}/forward-auth",))}
LEAST_FAILURE = 400

log = logging.getLogger("service.access")


def close(
    app: App, request_id: str, method: str, route: str, response: HTTPResponse, began: float, client: str = ""
) -> None:
    """Add what every answer carries, whoever made it; count it and log it, the path as its template.

    `began` is a moment of `time.perf_counter`; `client` the name of the service key that was sent, if any.
    """
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Request-ID"] = request_id
    status, seconds, method = response.status, time.perf_counter() - began, known(method)
    app.ctx.telemetry.metrics.observe(method, route, status, seconds)
    level = logging.DEBUG if (method, route) in QUIET and status < LEAST_FAILURE else logging.INFO
    if level == logging.INFO or log.isEnabledFor(level):
        fields: dict[str, object] = {"status": status, "ms": int(seconds * 10_000) / 10}
        if client:
            fields["client"] = client
        logs.event(log, level, f"{method} {route}", fields)


def known(method: str) -> str:
    """The method, or one word for all that anybody can invent."""
    return method if method in METHODS else OTHER_METHOD
