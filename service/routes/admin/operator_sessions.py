"""`/admin/v1/operators/<name>/sessions`: where operators are logged in at the console. For owners."""

from urllib.parse import unquote

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.http.guards import changes_state
from service.http.operators import PATH, described_session
from service.http.requests import Request
from service.http.responses import nothing, ok
from service.roles import Role
from service.routes.openapi import operator_session_documents as documents

operator_sessions = Blueprint("operator_sessions", url_prefix=f"{PATH}/operators/<name>/sessions")


@operator_sessions.get("/", ctx_role=Role.OWNER)
@openapi.definition(**documents.LIST_SESSIONS)
async def list_sessions(request: Request, name: str) -> HTTPResponse:
    """The live ones, the newest log-in first."""
    found = await request.app.ctx.operator_sessions.all(unquote(name))
    if not found:
        await request.app.ctx.operators.check(unquote(name))
    return ok({"sessions": [described_session(session) for session in found]})


@operator_sessions.delete("/", ctx_role=Role.OWNER)
@openapi.definition(**documents.END_SESSIONS)
@changes_state
async def end_sessions(request: Request, name: str) -> HTTPResponse:
    """End all of them."""
    ended = await request.app.ctx.operator_sessions.end_all(unquote(name))
    if not ended:
        await request.app.ctx.operators.check(unquote(name))
    return ok({"ended": len(ended)})


@operator_sessions.delete("/<session_id>", ctx_role=Role.OWNER)
@openapi.definition(**documents.END_SESSION)
@changes_state
async def end_session(request: Request, name: str, session_id: str) -> HTTPResponse:
    """End one of them."""
    await request.app.ctx.operator_sessions.end(unquote(name), session_id)
    return nothing()
