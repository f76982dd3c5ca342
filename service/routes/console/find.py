"""`/`: one box for a number, a user id, a session id, the start of a name, or a token, and who that is.

What was typed is sent as a form, and so never stands in an address, a history or a log.
"""

import asyncio
import re
from typing import Any

from sanic import Blueprint, HTTPResponse

from service.entities import User
from service.errors import Forbidden, NotFound
from service.http.console import field
from service.http.errors import STATUS
from service.http.requests import Request
from service.languages import gettext
from service.roles import Role
from service.routes.admin.people import described, may_find_by
from service.routes.console.pages import page

TOKEN = re.compile(r"[A-Za-z0-9_-]{64}", re.ASCII)

find = Blueprint("console_find")


@find.get("/", ctx_role=Role.LOOK)
async def show_newest(request: Request) -> HTTPResponse:
    """The box, and below it those who came last."""
    return await _people(request, "")


@find.post("/", ctx_role=Role.LOOK)
async def show_found(request: Request) -> HTTPResponse:
    """Those whom the text in the box fits; while one types htmx asks for the list alone."""
    text = field(request, "q")
    return await (_token(request, text) if TOKEN.fullmatch(text) else _people(request, text))


async def _people(request: Request, text: str) -> HTTPResponse:
    """A page of people; instead of it, what the role keeps from whoever asks."""
    cursor = field(request, "cursor")
    try:
        may_find_by(text)
    except Forbidden as error:
        return _page(request, text, status=STATUS[error.code], refused=gettext(error.message))
    found = await request.app.ctx.people.search(text, cursor)
    people = await asyncio.gather(*(described(request.app, user) for user in found.users))
    return _page(request, text, people=people, cursor=cursor, following=found.next)


async def _token(request: Request, text: str) -> HTTPResponse:
    """What a token is, and whose. It is not sent back."""
    explained = await request.app.ctx.sessions.explain(text)
    people = [await described(request.app, user) for user in await _with_id(request, explained.user_id)]
    return _page(request, "", explained=explained, people=people)


async def _with_id(request: Request, user_id: int | None) -> list[User]:
    try:
        return [await request.app.ctx.users.get(user_id)] if user_id else []
    except NotFound:
        return []


def _page(request: Request, text: str, **data: Any) -> HTTPResponse:
    shown = {"refused": "", "explained": None, "people": [], "cursor": "", "following": "", **data}
    return page(request, "find.html", q=text, translated=gettext, **shown)
