"""What stands before every route of the private listener: which host is asked for, whose key asks, its role, and why.

The one place where roles and reasons are enforced. A route says with `ctx_role` what it takes; one that does not takes
the most. With `ctx_reason=True` it says that it is not done without a reason.
"""

from typing import Any

from sanic.exceptions import SanicException

from service import addresses
from service.errors import InvalidKey, InvalidRequest
from service.events import ACTOR
from service.http import console, devices
from service.http.console import is_page
from service.http.overload import SPARED
from service.http.requests import App, Request, bearer
from service.http.responses import timestamp
from service.languages import N_
from service.operator_entities import OperatorSession
from service.roles import Actor, Operator, Role

PATH = "/admin/v1"
REASON = "X-Reason"
REASON_EXPECTED = N_("should say why this is done; UTF-8, percent-encoded")
REMARK_LENGTH = 200  # characters kept of it
MISDIRECTED = 421


def attach(app: App) -> None:
    """Register the guard, behind what `middleware.py` does first."""
    app.on_request(admit)


def described(operator: Operator) -> dict[str, str | None]:
    """An operator or a key, as answers and commands show it."""
    used = operator.last_used_at
    return {
        "name": operator.name,
        "role": operator.role.value,
        "created_at": timestamp(operator.created_at.timestamp()),
        "last_used_at": timestamp(used.timestamp()) if used else None,
    }


def described_session(session: OperatorSession) -> dict[str, str]:
    """A session at the console, as answers and commands show it."""
    return {
        "id": session.id,
        "role": session.role.value,
        "device": session.device.name,
        "ip": session.device.ip,
        "created_at": timestamp(session.created_at),
        "used_at": timestamp(session.used_at),
        "expires_at": timestamp(session.expires_at),
    }


async def admit(request: Request) -> None:
    """Let a request through to its route.

    Raises InvalidKey, NotLoggedIn, Forbidden, InvalidRequest where a reason is due, and 421 where another host is asked
    for.
    """
    ACTOR.set(None)
    if not _is_for_us(request):
        raise SanicException("misdirected", status_code=MISDIRECTED)
    route = request.route
    if route is None or not (is_page(request) or f"/{route.path}".startswith(f"{PATH}/")):
        return
    said = _said_of(request)
    actor = await (console.visitor(request, said) if is_page(request) else _actor(request))
    if actor is None:
        return
    ACTOR.set(actor._replace(remark=devices.printable(actor.remark)[:REMARK_LENGTH]))
    request.ctx.client = actor.name  # for the log
    needed = getattr(said, "role", Role.OWNER)
    if not actor.role.reaches(needed):
        request.app.ctx.keys.refuse(actor, needed)
    if getattr(said, "reason", False):
        needs_reason()


def _is_for_us(request: Request) -> bool:
    """Whether the console is asked for by its name: a page of another name could be pointed at our address.

    Whoever watches the service knows addresses alone, or sends no Host.
    """
    host = request.raw.head.header(b"host")
    if request.app.ctx.settings.is_console(host):
        return True
    return request.path in SPARED and (not host or addresses.parse(host) is not None)


async def _actor(request: Request) -> Actor:
    key = bearer(request.raw)
    if key is None:
        raise InvalidKey(sent=False)
    actor = await request.app.ctx.keys.identify(key)
    return actor._replace(remark=devices.readable(request.raw.head.header(REASON.lower().encode())))


def needs_reason() -> None:
    """Raise InvalidRequest where no reason was given for what is done now."""
    actor = ACTOR.get()
    if actor is None or not actor.remark.strip():
        raise InvalidRequest({REASON: REASON_EXPECTED})


def _said_of(request: Request) -> Any:
    """What the route says of itself; HEAD takes what GET does."""
    route = request.route
    if request.method == "HEAD":
        route, _, _ = request.app.router.get(request.path, "GET", None)
    return route.ctx if route else None
