"""`/admin/v1/explain`: is a token live, whose is it, and if not, why."""

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.http.operators import PATH
from service.http.people import explanation
from service.http.requests import Request
from service.http.responses import ok
from service.roles import Role
from service.routes.admin import payloads
from service.routes.openapi import admin_documents

explanations = Blueprint("explanations", url_prefix=f"{PATH}/explain")


@explanations.post("/", ctx_role=Role.LOOK)
@openapi.definition(**admin_documents.EXPLAIN)
async def explain(request: Request) -> HTTPResponse:
    """As the command says it."""
    return ok(explanation(await request.app.ctx.sessions.explain(payloads.token(request))))
