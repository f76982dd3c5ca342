"""`/people/<id>`: one person, who it is, on which devices, and what has happened; of a stranger only the devices."""

from typing import Any, NamedTuple

from sanic import Blueprint, HTTPResponse

from service.audit_events import EventFilter
from service.entities import Session, User
from service.errors import NotFound
from service.http.guards import changes_state
from service.http.requests import Request
from service.roles import Role
from service.routes.admin import payloads
from service.routes.admin.people import described
from service.routes.console import event_words
from service.routes.console.pages import page, see_other

NEWEST = 20  # events beside the devices

person = Blueprint("console_person", url_prefix="/people/<user_id>")


class Person(NamedTuple):
    """Somebody with a row in the database, or with live sessions, or both. `shown` is how operators see the row."""

    id: int
    user: User | None
    shown: dict[str, Any] | None
    sessions: list[Session]

    @property
    def path(self) -> str:
        """Where the page is."""
        return f"/people/{self.id}"


async def find_person(request: Request, user_id: str) -> Person:
    """Whose id this is. Raises NotFound for one that neither the database nor Redis knows."""
    found, context = payloads.user_id(user_id), request.app.ctx
    sessions = await context.sessions.of_user(found)
    try:
        user = await context.users.get(found)
    except NotFound:
        if not sessions:
            raise
        return Person(found, None, None, sessions)
    return Person(found, user, await described(request.app, user), sessions)


@person.get("/", ctx_role=Role.LOOK)
async def show(request: Request, user_id: str) -> HTTPResponse:
    """The page, which asks for itself every few seconds for what of it is live."""
    return await _page(request, await find_person(request, user_id))


@person.post("/reveal", ctx_role=Role.ACT)
@changes_state
async def reveal(request: Request, user_id: str) -> HTTPResponse:
    """The page once, with name and number whole, which is an event."""
    revealed = await request.app.ctx.people.reveal(payloads.user_id(user_id))
    return await _page(request, await find_person(request, user_id), revealed)


@person.get("/reveal", ctx_role=Role.LOOK)
async def hide(_request: Request, user_id: str) -> HTTPResponse:
    """Where the page that reveals is loaded anew."""
    return see_other(f"/people/{payloads.user_id(user_id)}")


async def _page(request: Request, found: Person, revealed: User | None = None) -> HTTPResponse:
    events, older = await request.app.ctx.trail.find(EventFilter(user_id=found.id), limit=NEWEST)
    return page(
        request,
        "person.html",
        person=found,
        revealed=revealed,
        events=events,
        has_older=bool(older),
        label=event_words.label,
    )
