"""`/admin/v1/users/<id>/mobile`: give a person another number, without codes."""

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.http.guards import changes_state
from service.http.operators import PATH
from service.http.requests import Request
from service.http.responses import ok
from service.roles import Role
from service.routes.admin import payloads
from service.routes.admin.people import described
from service.routes.openapi import number_documents

numbers = Blueprint("numbers", url_prefix=f"{PATH}/users/<user_id>/mobile")


@numbers.put("/", ctx_role=Role.ACT, ctx_reason=True)
@openapi.definition(**number_documents.CHANGE_NUMBER)
@changes_state
async def change_number(request: Request, user_id: str) -> HTTPResponse:
    """End every session, change the number, and tell the old one."""
    mobile, take = payloads.new_number(request)
    changed = await request.app.ctx.numbers.change(payloads.user_id(user_id), mobile, take=take)
    return ok({**await described(request.app, changed.user), "told": changed.told})
