"""`/healthz`, `/readyz`, `/metrics`: for load balancers and monitoring, outside the base path.

Metrics are told on one listener: the private one, or the public one where that is off.
"""

import asyncio

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.errors import ServiceUnavailable
from service.http import localized
from service.http.errors import STATUS
from service.http.requests import Request, request_id
from service.http.responses import failure, ok
from service.languages import N_, Filled, translated
from service.routes.openapi import backend_documents

health = Blueprint("health")
metrics = Blueprint("metrics")
moved_metrics = Blueprint("moved-metrics")

MOVED = "# The metrics are on the private listener: ADMIN_HOST, ADMIN_PORT.\n"


@health.get("/healthz")
@openapi.definition(**backend_documents.HEALTHZ)
async def healthz(_request: Request) -> HTTPResponse:
    """The process answers. No I/O."""
    return ok({"status": "alive"})


@health.get("/readyz")
@openapi.definition(**backend_documents.READYZ)
async def readyz(request: Request) -> HTTPResponse:
    """Redis and the database answer, or which of them does not; or the server is stopping."""
    if request.app.ctx.admission.stopping:
        raise ServiceUnavailable(N_("Not ready: stopping."))
    stores = {name: "ok" if up else "unavailable" for name, up in (await request.app.ctx.health.readiness()).items()}
    if all(state == "ok" for state in stores.values()):
        return ok(stores)
    code, headers = ServiceUnavailable.code, {"Retry-After": str(ServiceUnavailable.retry_after)}
    text = Filled(N_("Not ready: %(stores)s."), stores=", ".join(name for name in stores if stores[name] != "ok"))
    language = localized.asked_for(request.app, request.raw.head)
    said, extra = translated(text, language), {"stores": stores}
    return failure(request_id(request), STATUS[code], code, said, language, headers=headers, extra=extra)


@metrics.get("/metrics")
@openapi.definition(**backend_documents.METRICS)
async def expose(request: Request) -> HTTPResponse:
    """All workers' metrics in Prometheus' text format."""
    counted = request.app.ctx.telemetry.metrics
    text = await asyncio.to_thread(counted.exposition)
    return HTTPResponse(text, content_type=counted.content_type)


@moved_metrics.get("/metrics")
@openapi.exclude()
async def tell_where(request: Request) -> HTTPResponse:
    """No metric, but where they are; 200, because many look at this page for nothing but whether anybody answers."""
    return HTTPResponse(MOVED, content_type=request.app.ctx.telemetry.metrics.content_type)
