"""`/now`: who is online, what has happened in the last hour, and what works. What is wrong stands first."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sanic import Blueprint, HTTPResponse

from service.activity import CODES_SENT, CODES_USED, LOGINS, SHED
from service.http.now import described
from service.http.requests import Request
from service.languages import gettext as _
from service.roles import Role
from service.routes.console.charts import Chart, chart, scale
from service.routes.console.pages import page
from service.routes.console.troubles import troubles

CLOCK = slice(11, 16)  # hours and minutes, of a time in the API

now = Blueprint("console_now")


@now.get("/now", ctx_role=Role.LOOK)
async def show_now(request: Request) -> HTTPResponse:
    """The page; htmx asks for its live part every few seconds. With `?still=1` it stands as it was."""
    found = described(await request.app.ctx.now.look())
    minutes = found["by_minute"]
    return page(
        request,
        "now.html",
        found=found,
        at=datetime.now(UTC),
        still="still" in request.args,
        troubles=troubles(found),
        charts=None if minutes is None else _charts(minutes),
        refused=None if minutes is None else _refused(minutes),
        shed=None if minutes is None else sum(minute[SHED] for minute in minutes),
    )


def _charts(minutes: Sequence[dict[str, Any]]) -> list[Chart]:
    """Codes sent and used are drawn to one scale, so that one sees how many are used."""
    labels = [minute["at"][CLOCK] for minute in minutes]
    logins, sent, used = ([minute[name] for minute in minutes] for name in (LOGINS, CODES_SENT, CODES_USED))
    of_codes = scale(*sent, *used)
    return [
        chart(_("Logins"), labels, logins, scale(*logins)),
        chart(_("Codes sent"), labels, sent, of_codes),
        chart(_("Codes used"), labels, used, of_codes),
    ]


def _refused(minutes: Sequence[dict[str, Any]]) -> list[tuple[str, int]]:
    """How often each limit refused, the most often first."""
    counts: Counter[str] = Counter()
    for minute in minutes:
        counts.update(minute["refused"])
    return counts.most_common()
