"""`/admin/v1/events`: the audit trail, the newest first."""

from typing import Any

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.audit_events import AuditEvent
from service.http.operators import PATH
from service.http.requests import Request
from service.http.responses import ok, timestamp
from service.roles import Role
from service.routes.admin import filters
from service.routes.openapi import admin_documents

events = Blueprint("events", url_prefix=f"{PATH}/events")


@events.get("/", ctx_role=Role.LOOK)
@openapi.definition(**admin_documents.FIND_EVENTS)
async def find_events(request: Request) -> HTTPResponse:
    """Those that fit all that is asked for."""
    wanted, cursor = filters.event_filter(request)
    found, following = await request.app.ctx.trail.find(wanted, cursor)
    return ok({"events": [_described(event) for event in found], "next": following or None})


def _described(event: AuditEvent) -> dict[str, Any]:
    return {**event._asdict(), "at": timestamp(event.at.timestamp())}
