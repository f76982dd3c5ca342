"""`/admin/v1/events`: the audit trail, the newest first; `/admin/v1/events.csv`: the same for a spreadsheet."""

from typing import Any

from sanic import Blueprint, HTTPResponse
from sanic.response import empty
from sanic_ext import openapi

from service.audit_events import AuditEvent
from service.http import event_csv
from service.http.operators import PATH
from service.http.requests import Request
from service.http.responses import OK, ok, timestamp
from service.http.streaming import stream
from service.roles import Role
from service.routes.admin import filters
from service.routes.openapi import event_documents

AS_FILE = {"Content-Disposition": 'attachment; filename="latch-events.csv"'}

events = Blueprint("events", url_prefix=PATH)


@events.get("/events", ctx_role=Role.LOOK)
@openapi.definition(**event_documents.FIND_EVENTS)
async def find_events(request: Request) -> HTTPResponse:
    """Those that fit all that is asked for."""
    wanted, cursor = filters.event_filter(request)
    found, following = await request.app.ctx.trail.find(wanted, cursor)
    return ok({"events": [_described(event) for event in found], "next": following or None})


@events.get("/events.csv", ctx_role=Role.LOOK)
@openapi.definition(**event_documents.EVENTS_AS_CSV)
async def events_as_csv(request: Request) -> HTTPResponse | None:
    """The same events over all pages."""
    return await send_csv(request)


async def send_csv(request: Request) -> HTTPResponse | None:
    """Send what the filters ask for. One page is in memory at a time, and a client that hangs up ends the reading."""
    wanted, cursor = filters.event_filter(request)
    if request.method == "HEAD":  # sanic-ext's, which would have the events read for nobody
        return empty(OK, {**AS_FILE, "Content-Type": event_csv.TYPE})
    pages = request.app.ctx.trail.pages(wanted, event_csv.PAGE, cursor)
    await stream(request, event_csv.pieces(pages), event_csv.TYPE, AS_FILE)
    return None


def _described(event: AuditEvent) -> dict[str, Any]:
    return {**event._asdict(), "at": timestamp(event.at.timestamp())}
