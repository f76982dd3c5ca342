"""`/user`: who am I; my name, my number, the end of my account."""

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.entities import Identity, User
from service.http.guards import authenticated, changes_state
from service.http.requests import BASE_PATH, Request, client_ip
from service.http.responses import nothing, ok, timestamp
from service.routes import payloads
from service.routes.openapi import account_documents, documents

users = Blueprint("users", url_prefix=f"{BASE_PATH}/user")


@users.get("/")
@openapi.definition(**documents.WHO)
@authenticated
async def who(request: Request, identity: Identity) -> HTTPResponse:
    """The user behind the token, from the database."""
    return _described(await request.app.ctx.users.who(identity.user_id))


@users.patch("/")
@openapi.definition(**account_documents.RENAME)
@changes_state
@authenticated
async def rename(request: Request, identity: Identity) -> HTTPResponse:
    """Give the caller another name."""
    return _described(await request.app.ctx.accounts.rename(identity.user_id, payloads.new_name(request.raw)))


@users.put("/mobile")
@openapi.definition(**account_documents.CHANGE_MOBILE)
@changes_state
@authenticated
async def change_mobile(request: Request, identity: Identity) -> HTTPResponse:
    """Give the caller another number."""
    wanted = payloads.number_change(request.raw, request.app.ctx.settings.code_length)
    return _described(await request.app.ctx.accounts.change_mobile(identity, *wanted, _ip(request)))


@users.delete("/")
@openapi.definition(**account_documents.ERASE)
@changes_state
@authenticated
async def erase(request: Request, identity: Identity) -> HTTPResponse:
    """Erase the caller's account."""
    return await _erase(request, identity)


@users.post("/erase")
@openapi.definition(**account_documents.ERASE_BY_POST)
@changes_state
@authenticated
async def erase_by_post(request: Request, identity: Identity) -> HTTPResponse:
    """The same for clients that drop the body of a DELETE."""
    return await _erase(request, identity)


async def _erase(request: Request, identity: Identity) -> HTTPResponse:
    code = payloads.erasing_code(request.raw, request.app.ctx.settings.code_length)
    await request.app.ctx.accounts.erase(identity.user_id, code, _ip(request))
    return nothing()


def _ip(request: Request) -> str:
    return client_ip(request.raw, request.app.ctx.settings.trusted_proxies)


def _described(user: User) -> HTTPResponse:
    return ok(
        {
            "id": user.id,
            "name": user.name,
            "mobile": user.mobile,
            "created_at": timestamp(user.created_at.timestamp()),
            "last_login": timestamp(user.last_login.timestamp()),
        }
    )
