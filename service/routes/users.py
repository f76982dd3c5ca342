"""`/user`: who am I."""

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.entities import Identity
from service.http.guards import authenticated
from service.http.requests import BASE_PATH, Request
from service.http.responses import ok, timestamp
from service.routes.openapi import documents

users = Blueprint("users", url_prefix=f"{BASE_PATH}/user")


@users.get("/")
@openapi.definition(**documents.WHO)
@authenticated
async def who(request: Request, identity: Identity) -> HTTPResponse:
    """The user behind the token, from the database."""
    user = await request.app.ctx.users.who(identity.user_id)
    return ok(
        {
            "id": user.id,
            "name": user.name,
            "mobile": user.mobile,
            "created_at": timestamp(user.created_at.timestamp()),
            "last_login": timestamp(user.last_login.timestamp()),
        }
    )
