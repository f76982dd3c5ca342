"""`/sessions`: the caller's devices."""

from typing import Any

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.entities import EndReason, Identity, Session
from service.errors import InvalidRequest
from service.http.exports import described
from service.http.guards import authenticated, changes_state
from service.http.requests import BASE_PATH, Request
from service.http.responses import nothing, ok
from service.languages import N_, Filled
from service.routes.openapi import documents

sessions = Blueprint("sessions", url_prefix=f"{BASE_PATH}/sessions")

KEEP_CURRENT = "current"


@sessions.get("/")
@openapi.definition(**documents.LIST_SESSIONS)
@authenticated
async def list_sessions(request: Request, identity: Identity) -> HTTPResponse:
    """The caller's devices, the newest login first."""
    found = await request.app.ctx.sessions.of_user(identity.user_id)
    return ok({"sessions": [_of_caller(session, identity) for session in found]})


@sessions.delete("/<session_id>")
@openapi.definition(**documents.END_SESSION)
@changes_state
@authenticated
async def end_session(request: Request, identity: Identity, session_id: str) -> HTTPResponse:
    """End one of the caller's own sessions; another user's is not found."""
    reason = EndReason.LOGGED_OUT if session_id == identity.session_id else EndReason.REVOKED
    await request.app.ctx.sessions.end(identity.user_id, session_id, reason)
    return nothing()


@sessions.delete("/")
@openapi.definition(**documents.END_SESSIONS)
@changes_state
@authenticated
async def end_sessions(request: Request, identity: Identity) -> HTTPResponse:
    """End all of the caller's sessions, or all others."""
    spared = request.args.get("keep")
    if spared not in {None, KEEP_CURRENT}:
        raise InvalidRequest({"keep": Filled(N_("should be %(value)s, or be left out"), value=KEEP_CURRENT)})
    keep = identity.session_id if spared else ""
    await request.app.ctx.sessions.end_all(identity.user_id, EndReason.REVOKED, keep=keep)
    return nothing()


def _of_caller(session: Session, identity: Identity) -> dict[str, Any]:
    current = session.session_id == identity.session_id
    return {"id": session.session_id, "current": current, **described(session)}
