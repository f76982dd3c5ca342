"""`/`: one box for a number, a user id, a session id, the start of a name, or a token, and who that is.

What was typed is sent as a form, and so never stands in an address, a history or a log.
"""

from sanic import Blueprint, HTTPResponse

from service.http.console import field
from service.http.requests import Request
from service.roles import Role
from service.routes.admin.people import described
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
    found = await request.app.ctx.people.search(text, "")
    people = [await described(request.app, user) for user in found.users]
    return page(request, "find.html", q=text, people=people, more=bool(found.next))
