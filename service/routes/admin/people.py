"""`/admin/v1/users`: find people, look at one, rename, disable, enable, unlock; numbers are masked but for `reveal`."""

import asyncio
from typing import Any

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.entities import User, UserStatus
from service.errors import Forbidden
from service.events import ACTOR
from service.http.guards import changes_state
from service.http.operators import PATH
from service.http.people import described as unrevealed
from service.http.people import explanation
from service.http.requests import App, Request
from service.http.responses import ok
from service.languages import N_
from service.roles import Role
from service.routes.admin import payloads
from service.routes.openapi import admin_documents

WHOLE_NUMBERS = N_("The role look finds people by whole numbers and tokens only.")

people = Blueprint("people", url_prefix=f"{PATH}/users")


@people.post("/search", ctx_role=Role.LOOK)
@openapi.definition(**admin_documents.SEARCH)
async def search(request: Request) -> HTTPResponse:
    """Find people; what is looked for comes in the body, since logs keep addresses."""
    wanted = payloads.query(request)
    may_find_by(request, wanted.text)
    found = await request.app.ctx.lookup.find(wanted.text, wanted.cursor)
    users = await asyncio.gather(*(described(request.app, user) for user in found.users))
    explained = found.explained and explanation(found.explained)
    return ok({"by": found.by, "users": users, "next": found.next or None, "explained": explained})


def may_find_by(request: Request, text: str) -> None:
    """Raise Forbidden where the role of whoever asks finds nobody by such a text."""
    actor = ACTOR.get()
    if not request.app.ctx.lookup.by(text).is_whole and not (actor and actor.role.reaches(Role.ACT)):
        raise Forbidden(WHOLE_NUMBERS)


@people.get("/<user_id>", ctx_role=Role.LOOK)
@openapi.definition(**admin_documents.LOOK)
async def look_at(request: Request, user_id: str) -> HTTPResponse:
    """One person."""
    return ok(await described(request.app, await _user(request, user_id)))


@people.patch("/<user_id>", ctx_role=Role.ACT)
@openapi.definition(**admin_documents.CHANGE)
@changes_state
async def change(request: Request, user_id: str) -> HTTPResponse:
    """Rename, disable or enable; disabling ends every session."""
    wanted, users = payloads.change(request), request.app.ctx.users
    user = await _user(request, user_id)
    if wanted.name is not None:
        user = await users.rename(user, wanted.name)
    if wanted.status is UserStatus.DISABLED:
        await users.disable(user)
    elif wanted.status is UserStatus.ACTIVE:
        await users.enable(user)
    return ok(await described(request.app, user._replace(status=wanted.status or user.status)))


@people.post("/<user_id>/reveal", ctx_role=Role.ACT)
@openapi.definition(**admin_documents.REVEAL)
@changes_state
async def reveal(request: Request, user_id: str) -> HTTPResponse:
    """Name and number whole, which is an event."""
    user = await request.app.ctx.people.reveal(payloads.user_id(user_id))
    return ok({"name": user.name, "mobile": user.mobile})


@people.post("/<user_id>/unlock", ctx_role=Role.ACT)
@openapi.definition(**admin_documents.UNLOCK)
@changes_state
async def unlock(request: Request, user_id: str) -> HTTPResponse:
    """Forget the number's wrong tries, codes and cool-down."""
    user = await _user(request, user_id)
    if user.mobile:
        await request.app.ctx.people.unlock(user.mobile)
    return ok(await described(request.app, user))


async def _user(request: Request, user_id: str) -> User:
    return await request.app.ctx.users.get(payloads.user_id(user_id))


async def described(app: App, user: User) -> dict[str, Any]:
    """A person as operators see one, unrevealed."""
    return unrevealed(user, len(await app.ctx.sessions.of_user(user.id)))
