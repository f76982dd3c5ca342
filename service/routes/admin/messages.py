"""`/admin/v1/messages`: what becomes of messages and codes, by sender and by prefix."""

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.http.messages import described
from service.http.operators import PATH
from service.http.requests import Request
from service.http.responses import ok
from service.roles import Role
from service.routes.openapi import message_documents

messages = Blueprint("messages", url_prefix=f"{PATH}/messages")


@messages.get("/", ctx_role=Role.LOOK)
@openapi.definition(**message_documents.MESSAGES)
async def look(request: Request) -> HTTPResponse:
    """All of it is kept in Redis, so without that there is nothing to tell."""
    return ok(described(await request.app.ctx.message_figures.look()))
