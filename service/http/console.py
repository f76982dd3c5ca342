"""What stands before every page of the console: whose session a cookie brings, and that what is sent is a form of ours.

`operators.py` asks it for all paths that are neither the API's nor for monitoring, so that a page which says nothing of
itself takes the most: a session, and the role of an owner. With `ctx_open=True` a route says that it takes neither.
"""

import hmac
from typing import Any

from service.errors import Forbidden
from service.http.overload import SPARED
from service.http.requests import Request
from service.roles import Actor

COOKIE = "__Host-latch"
CSRF_FIELD, CSRF_HEADER, REASON_FIELD = "csrf", "x-csrf-token", "reason"
POLL_HEADER = b"x-poll"  # `console.js` puts it on what no key and no pointer has asked for
NOT_PAGES = ("/admin/", "/docs")  # what these begin with is no page, nor is what is in SPARED
SAFE = ("GET", "HEAD", "OPTIONS")


def is_page(request: Request) -> bool:
    """Whether a path belongs to the console, there or not."""
    return not request.path.startswith(NOT_PAGES) and request.path not in SPARED


async def visitor(request: Request, said: Any) -> Actor | None:
    """Whose session came, with the reason that the form gives; None where a page is open to everybody.

    `said` is what the route says of itself. Raises NotLoggedIn, Forbidden.
    """
    acts = request.method not in SAFE
    if acts and request.raw.head.header(b"origin") != request.app.ctx.settings.console_address:
        raise Forbidden
    if getattr(said, "open", False):
        return None
    sessions = request.app.ctx.operator_sessions
    by_itself = bool(request.raw.head.header(POLL_HEADER))
    session = await sessions.identify(request.cookies.get(COOKIE) or "", prolong=not by_itself)
    request.ctx.operator = session
    if acts and not _is_ours(request, session.csrf):
        raise Forbidden
    return Actor(session.name, session.role, field(request, REASON_FIELD))


def _is_ours(request: Request, csrf: str) -> bool:
    """Whether the token of this session came with what is sent, by a form or by a script."""
    sent = field(request, CSRF_FIELD) or request.raw.head.header(CSRF_HEADER.encode())
    return hmac.compare_digest(sent.encode(errors="surrogateescape"), csrf.encode())


def field(request: Request, name: str) -> str:
    """Return what stands in a field of the form that was sent, without the blanks around it; or an empty string."""
    form = request.form
    return (form.get(name) or "").strip() if form else ""
