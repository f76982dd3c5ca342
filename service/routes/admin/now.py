"""`/admin/v1/now`: who is online, what has happened in the last hour, and what works."""

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.http.now import described
from service.http.operators import PATH
from service.http.requests import Request
from service.http.responses import ok
from service.roles import Role
from service.routes.openapi import now_documents

now = Blueprint("now", url_prefix=f"{PATH}/now")


@now.get("/", ctx_role=Role.LOOK)
@openapi.definition(**now_documents.NOW)
async def look(request: Request) -> HTTPResponse:
    """Also with a store away: whoever asks wants to know which."""
    return ok(described(await request.app.ctx.now.look()))
