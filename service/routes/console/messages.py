"""`/messages`: what becomes of messages and codes, by sender and by prefix; what the guard does, and why."""

from sanic import Blueprint, HTTPResponse

from service.http.messages import described
from service.http.requests import Request
from service.roles import Role
from service.routes.console.pages import page

messages = Blueprint("console_messages")


@messages.get("/messages", ctx_role=Role.LOOK)
async def show_messages(request: Request) -> HTTPResponse:
    """The worst first; prefixes that are not told one by one are counted together."""
    return page(request, "messages.html", found=described(await request.app.ctx.message_figures.look()))
