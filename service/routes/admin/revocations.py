"""`/admin/v1/revocations`: end many sessions, in the background; how far that is; stop it."""

from typing import Any

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.http import operators
from service.http.guards import changes_state
from service.http.operators import PATH
from service.http.requests import Request
from service.http.responses import accepted, ok, timestamp
from service.roles import Role
from service.routes.admin import payloads
from service.routes.openapi import revocation_documents
from service.selections import Revocation

revocations = Blueprint("revocations", url_prefix=f"{PATH}/revocations")


@revocations.post("/", ctx_role=Role.ACT)
@openapi.definition(**revocation_documents.BEGIN)
@changes_state
async def begin(request: Request) -> HTTPResponse:
    """Start one. For everybody a reason is due, unless they are only counted."""
    jobs = request.app.ctx.revocations
    filters, dry_run = payloads.revocation(request)
    selection = jobs.selected(filters)
    if selection.everyone and not dry_run:
        operators.needs_reason()
    return accepted(_described(await jobs.begin(selection, dry_run=dry_run)))


@revocations.get("/<revocation_id>", ctx_role=Role.ACT)
@openapi.definition(**revocation_documents.LOOK)
async def look_at(request: Request, revocation_id: str) -> HTTPResponse:
    """How far it is."""
    return ok(_described(await request.app.ctx.revocations.find(revocation_id)))


@revocations.delete("/<revocation_id>", ctx_role=Role.ACT)
@openapi.definition(**revocation_documents.STOP)
@changes_state
async def stop(request: Request, revocation_id: str) -> HTTPResponse:
    """Stop it at its next step."""
    return ok(_described(await request.app.ctx.revocations.stop(revocation_id)))


def _described(revocation: Revocation) -> dict[str, Any]:
    return {
        **revocation._asdict(),
        "started_at": timestamp(revocation.started_at),
        "why": revocation.why or None,
    }
