"""`/events`: the audit trail, the newest first, and more at the top as it happens.

The filters stand in the address as the API has them. They are typed into a form that is posted, so that only what is
a filter comes to stand there: no number, for instance.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from sanic import Blueprint, HTTPResponse

from service import addresses, mobiles
from service.entities import zoned
from service.errors import InvalidRequest
from service.events import Event
from service.http.console import field
from service.http.requests import Request
from service.languages import N_, gettext
from service.roles import Role
from service.routes.admin import filters
from service.routes.admin.events import send_csv
from service.routes.console import event_words, moments
from service.routes.console.pages import page, see_other

BAD_REQUEST = 400
PATH = "/events"
MOMENTS = ("since", "until")
NUMBER = N_("This is a number. Find the person first: their page has their id.")

events = Blueprint("console_events")


@events.get(PATH, ctx_role=Role.LOOK)
async def show(request: Request) -> HTTPResponse:
    """Those that fit all that the address asks for."""
    asked = filters.sent(request)
    try:
        wanted = filters.parsed(asked)
        found, older = await request.app.ctx.trail.find(wanted, asked.get("cursor", ""))
    except InvalidRequest as error:
        return _page(request, asked, problems=error.fields)
    return _page(request, asked, rows=found, older=older)


@events.post(PATH, ctx_role=Role.LOOK)
async def choose(request: Request) -> HTTPResponse:
    """Lead to the address of what was typed. A field that is left empty asks for nothing."""
    typed = {name: field(request, name) for name in filters.FIELDS}
    asked = {name: zoned(text) if name in MOMENTS else text for name, text in typed.items() if text}
    problems = {"user_id": NUMBER} if mobiles.normalise(typed["user_id"]) else {}
    try:
        filters.parsed(asked)
    except InvalidRequest as error:
        problems = error.fields | problems
    return _page(request, asked, problems=problems) if problems else see_other(_address(asked))


@events.get(f"{PATH}.csv", ctx_role=Role.LOOK)
async def as_csv(request: Request) -> HTTPResponse | None:
    """All of them for a spreadsheet, as the API has it."""
    return await send_csv(request)


def _page(
    request: Request, asked: Mapping[str, str], *, rows: Any = (), older: str = "", problems: Mapping[str, str] = {}
) -> HTTPResponse:
    given = {name: asked[name] for name in filters.FIELDS if name in asked}
    return page(
        request,
        "events.html",
        status=BAD_REQUEST if problems else 200,
        values={name: moments.for_field(text) if name in MOMENTS else text for name, text in given.items()},
        problems={name: gettext(text) for name, text in problems.items()},
        kinds=sorted(((kind.value, event_words.label(kind)) for kind in Event), key=lambda kind: kind[1]),
        rows=rows,
        older=older,
        link=partial(_address, given),
        label=event_words.label,
        unknown=addresses.UNKNOWN,
        is_first="cursor" not in asked,
        is_live="cursor" not in asked and "until" not in given and not problems,
    )


def _address(given: Mapping[str, str], path: str = PATH, **others: object) -> str:
    """Where the events stand that fit these filters, and others besides or instead."""
    query = urlencode({**given, **others})
    return f"{path}?{query}" if query else path
