"""`run.py events`: the audit trail, newest first."""

import asyncio
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import UTC, datetime

from config import Settings
from service import mobiles
from service.audit_events import AuditEvent, EventFilter
from service.backing import connections
from service.commands.output import DONE, FAILED, say, table
from service.entities import id_in
from service.errors import InvalidRequest, NotFound
from service.events import Event
from service.http import event_csv
from service.stores.database import Database
from service.stores.events import EventStore
from service.stores.users import UserStore
from service.trail import Trail

COLUMNS = ("AT", "EVENT", "USER", "IP", "DEVICE", "OPERATOR", "REASON", "SESSION", "REQUEST")
MOST, FEW = 1_000, 50


def add_options(parser: ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--user", metavar="USER", help="mobile number or user id")
    kinds = [event.value for event in Event]
    parser.add_argument("--kind", choices=kinds, metavar="EVENT", help="as in docs/events.md")
    parser.add_argument("--ip", metavar="ADDRESS", help="of the client")
    parser.add_argument("--operator", metavar="NAME", help="who did it for somebody else")
    for name, what in (("--since", "this moment or later"), ("--until", "before this moment")):
        parser.add_argument(name, type=_moment, metavar="TIME", help=f"{what}: ISO 8601, UTC where it names no zone")
    parser.add_argument("--limit", type=_limit, help=f"events at once, at most {MOST}; else {FEW}, or all as CSV")
    parser.add_argument("--cursor", default="", help="go on from there: it is printed where there are more")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for scripts")
    form.add_argument("--csv", action="store_true", help=f"for a spreadsheet, up to {event_csv.MOST} events")


def run(settings: Settings, chosen: Namespace) -> int:
    """Print the events that fit. Returns FAILED where there are none."""
    return asyncio.run(_run(settings, chosen))


async def _run(settings: Settings, chosen: Namespace) -> int:
    _, database = connections(settings)
    await database.open()
    try:
        user_id = await _user_id(database, chosen.user) if chosen.user else None
        wanted = EventFilter(user_id, chosen.kind, chosen.ip, chosen.operator, chosen.since, chosen.until)
        return await (_as_csv if chosen.csv else _listed)(Trail(EventStore(database), time.time), wanted, chosen)
    except InvalidRequest as error:
        raise NotFound("; ".join(f"{name} {what}" for name, what in error.fields.items())) from error
    finally:
        await database.close()


async def _listed(trail: Trail, wanted: EventFilter, chosen: Namespace) -> int:
    found, cursor = await trail.find(wanted, chosen.cursor, chosen.limit or FEW)
    lines = table([COLUMNS, *map(_cells, found)]) if found else ["no events"]
    more = [f"there are more: --cursor {cursor}"] if cursor else []
    value = {"events": [event._asdict() for event in found], "next": cursor or None}
    say("\n".join(lines + more), value, as_json=chosen.json)
    return DONE if found else FAILED


async def _as_csv(trail: Trail, wanted: EventFilter, chosen: Namespace) -> int:
    pages = trail.pages(wanted, chosen.limit or event_csv.PAGE, chosen.cursor)
    lines = 0
    async for piece in event_csv.pieces(pages, chosen.limit or event_csv.MOST):
        sys.stdout.write(piece.decode())
        lines += piece.count(b"\r\n")
    return DONE if lines > 1 else FAILED


async def _user_id(database: Database, who: str) -> int:
    """Of a number, or an id: also that of somebody who is in the database no more, or was erased."""
    if (mobile := mobiles.normalise(who)) and (user := await UserStore(database).find(mobile)):
        return user.id
    if user_id := id_in(who.removeprefix("-")):
        return -user_id if who.startswith("-") else user_id
    raise NotFound(f"there is no user {who}")


def _cells(event: AuditEvent) -> tuple[str, ...]:
    who = "" if event.user_id is None else str(event.user_id)
    texts = (event.ip, event.device, event.operator, event.reason, event.session_id, event.request_id)
    at = event.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return at, event.kind, who or event.mobile or "", *(_shown(text) for text in texts)


def _shown(text: str | None) -> str:
    """On one line, whatever somebody has called a device."""
    return "".join(letter if letter.isprintable() else "?" for letter in text or "")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("should be like 2026-01-31 or 2026-01-31T08:30") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _limit(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= MOST:
        raise ArgumentTypeError(f"should be 1 to {MOST}")
    return int(text)
