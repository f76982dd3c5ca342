"""`/operators`: the people and the programs that may ask the private listener, for owners."""

from enum import StrEnum
from typing import Any, NamedTuple

from sanic import Blueprint, HTTPResponse

from service.errors import InvalidRequest, NotFound
from service.http.console import field
from service.http.guards import changes_state
from service.http.requests import Request
from service.http.responses import CREATED
from service.languages import gettext
from service.operator_entities import OperatorSession
from service.roles import LINK_LIFE, Operator, Role
from service.routes.admin import payloads
from service.routes.console.pages import page, see_other

operators = Blueprint("console_operators", url_prefix="/operators")


class Kind(StrEnum):
    """Whom a name belongs to."""

    PERSON = "person"
    KEY = "key"

    @classmethod
    def of(cls, written: str) -> "Kind":
        """What an address or a form names. Raises NotFound."""
        if written not in set(cls):
            raise NotFound
        return cls(written)


class Listed(NamedTuple):
    """An operator, and the log-ins that live."""

    operator: Operator
    sessions: list[OperatorSession]


@operators.get("/", ctx_role=Role.OWNER)
async def show(request: Request) -> HTTPResponse:
    """Who there is, when they came last, and where they are logged in."""
    return await _shown(request)


@operators.post("/", ctx_role=Role.OWNER)
@changes_state
async def add(request: Request) -> HTTPResponse:
    """Add a person, and show the link to enrol by, or a program, and show its key: this once."""
    try:
        kind = Kind.of(field(request, "kind"))
        name, role = payloads.entry_of({"name": field(request, "name"), "role": field(request, "role")})
        secret = await _register(request, kind).add(name, role)
    except InvalidRequest as error:
        problems = {name: gettext(text) for name, text in error.fields.items()}
        return await _shown(request, status=400, problems=problems)
    return _secret(request, name, secret or "", is_person=kind is Kind.PERSON)


@operators.post("/<name>/link", ctx_role=Role.OWNER)
@changes_state
async def link(request: Request, name: str) -> HTTPResponse:
    """A new link, for a lost passkey, shown this once."""
    return _secret(request, name, await request.app.ctx.operators.link(name), is_person=True)


@operators.get("/<kind>/<name>/remove", ctx_role=Role.OWNER)
async def ask_to_remove(request: Request, kind: str, name: str) -> HTTPResponse:
    """Say what will happen, and ask."""
    return page(request, "operator_remove.html", name=name, kind=Kind.of(kind))


@operators.post("/<kind>/<name>/remove", ctx_role=Role.OWNER)
@changes_state
async def remove(request: Request, kind: str, name: str) -> HTTPResponse:
    """Remove a person, who is logged out at once, or let a key open nothing any more."""
    chosen = Kind.of(kind)
    await _register(request, chosen).remove(name)
    return see_other("/operators", f"{chosen}_removed")


@operators.post("/<name>/sessions/<session_id>/end", ctx_role=Role.OWNER)
@changes_state
async def end_session(request: Request, name: str, session_id: str) -> HTTPResponse:
    """Log an operator out of one browser."""
    await request.app.ctx.operator_sessions.end(name, session_id)
    return see_other("/operators", "operator_logged_out")


def _register(request: Request, kind: Kind) -> Any:
    context = request.app.ctx
    return context.operators if kind is Kind.PERSON else context.keys


async def _shown(request: Request, *, status: int = 200, problems: dict[str, str] | None = None) -> HTTPResponse:
    context = request.app.ctx
    people = [Listed(one, await context.operator_sessions.all(one.name)) for one in await context.operators.all()]
    typed = {name: field(request, name) for name in ("name", "role", "kind")}
    return page(
        request,
        "operators.html",
        status=status,
        people=people,
        keys=await context.keys.all(),
        problems=problems or {},
        typed=typed,
    )


def _secret(request: Request, name: str, secret: str, *, is_person: bool) -> HTTPResponse:
    return page(
        request,
        "operator_secret.html",
        status=CREATED,
        name=name,
        secret=secret,
        is_person=is_person,
        minutes=LINK_LIFE // 60,
    )
