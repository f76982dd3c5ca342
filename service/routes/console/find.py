"""`/`: one box for a number, a user id, a session id, the start of a name, or a token, and who that is.

What was typed is sent as a form, and so never stands in an address, a history or a log.
"""

import asyncio
from typing import Any

from sanic import Blueprint, HTTPResponse

from service.errors import Forbidden
from service.http.console import field
from service.http.errors import STATUS
from service.http.requests import Request
from service.languages import gettext
from service.roles import Role
from service.routes.admin.people import described, may_find_by
from service.routes.console.pages import page

find = Blueprint("console_find")


@find.get("/", ctx_role=Role.LOOK)
async def show_newest(request: Request) -> HTTPResponse:
    """The box, and below it those who came last."""
    return await _found(request, "")


@find.post("/", ctx_role=Role.LOOK)
async def show_found(request: Request) -> HTTPResponse:
    """Those whom the text in the box fits; while one types htmx asks for the list alone."""
    return await _found(request, field(request, "q"))


async def _found(request: Request, text: str) -> HTTPResponse:
    """A page of people, and what a token is, which is not sent back; instead of it, what the role keeps back."""
    cursor = field(request, "cursor")
    try:
        if text:
            may_find_by(request, text)
    except Forbidden as error:
        return _page(request, text, status=STATUS[error.code], refused=gettext(error.message))
    found = await request.app.ctx.lookup.find(text, cursor)
    people = await asyncio.gather(*(described(request.app, user) for user in found.users))
    typed = "" if found.explained else text
    return _page(request, typed, explained=found.explained, people=people, cursor=cursor, following=found.next)


def _page(request: Request, text: str, **data: Any) -> HTTPResponse:
    shown = {"refused": "", "explained": None, "people": [], "cursor": "", "following": "", **data}
    return page(request, "find.html", q=text, translated=gettext, **shown)
