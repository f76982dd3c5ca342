"""`/admin/v1/users/<id>/sessions`: a person's devices, also of somebody whom the database does not know any more."""

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.entities import EndReason, Session
from service.http.exports import described
from service.http.guards import changes_state
from service.http.operators import PATH
from service.http.requests import Request
from service.http.responses import nothing, ok
from service.roles import Role
from service.routes.admin import payloads
from service.routes.openapi import admin_documents

sessions = Blueprint("people_sessions", url_prefix=f"{PATH}/users/<user_id>/sessions")


@sessions.get("/", ctx_role=Role.LOOK)
@openapi.definition(**admin_documents.LIST_SESSIONS)
async def list_sessions(request: Request, user_id: str) -> HTTPResponse:
    """The live sessions, the newest login first."""
    _, found = await _whose(request, user_id)
    return ok({"sessions": [described(session) for session in found]})


@sessions.delete("/", ctx_role=Role.ACT)
@openapi.definition(**admin_documents.END_SESSIONS)
@changes_state
async def end_sessions(request: Request, user_id: str) -> HTTPResponse:
    """End all of them."""
    user, _ = await _whose(request, user_id)
    ended = await request.app.ctx.sessions.end_all(user, EndReason.REVOKED)
    return ok({"ended": len(ended)})


@sessions.delete("/<session_id>", ctx_role=Role.ACT)
@openapi.definition(**admin_documents.END_SESSION)
@changes_state
async def end_session(request: Request, user_id: str, session_id: str) -> HTTPResponse:
    """End one of them."""
    await request.app.ctx.sessions.end(payloads.user_id(user_id), session_id, EndReason.REVOKED)
    return nothing()


async def _whose(request: Request, user_id: str) -> tuple[int, list[Session]]:
    """A user's id and live sessions. Raises NotFound for an id that neither the database nor Redis knows."""
    found, context = payloads.user_id(user_id), request.app.ctx
    live = await context.sessions.of_user(found)
    if not live:
        await context.users.get(found)
    return found, live
