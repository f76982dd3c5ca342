"""Events as rows of the table `events`: its columns, the statements that insert many, and both ways to a value."""

# ruff: noqa: S608 - what is put into the statement are names and marks of this file; values are passed apart

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from math import modf, nan
from typing import Any

import orjson

from service import mobiles
from service.audit_events import AuditEvent, EventValues

MOST = 200  # events in one statement, and rows that one step changes or deletes: no lock is held for long
# How many a statement of SQLite's has room for. Few, so that each is compiled once: that costs more than to run it. But
# close together: what is bound for nothing is a quarter at most.
SIZES = (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, MOST)

# With the length of its column: what is longer is cut, because a row that is refused would hold up all after it.
TYPES = {
    "at": "timestamptz",
    "kind": "text",
    "user_id": "bigint",
    "session_id": "text",
    "mobile": "text",
    "ip": "text",
    "device": "text",
    "operator": "text",
    "reason": "text",
    "request_id": "text",
}
LENGTHS = {"session_id": 32, "ip": 64, "device": 128, "operator": 64, "reason": 256, "request_id": 64}
COLUMNS = ", ".join(TYPES)

# Of an event that knows a number and no user the user is looked up here, where it costs no request anything.
INSERT = """
    INSERT INTO events ({columns})
    WITH new ({columns}, number) AS ({rows})
    SELECT at, kind, coalesce(user_id, (SELECT users.id FROM users WHERE users.mobile = new.number)), {rest} FROM new
"""
WIDTH = len(TYPES) + 1  # values of one row: the columns, and the whole number
MICROSECONDS = 1_000_000  # in a second
SIX_DIGITS = 100_000  # what is less has fewer
NULL = nan  # SQLite takes it for NULL, and Python's sqlite3 takes ten times as long to hand over a None


def insertion(events: Sequence[EventValues], *, postgres: bool) -> tuple[str, list[Any]]:
    """The statement that inserts up to MOST events, and its values."""
    if postgres:
        return _of_json(), [orjson.dumps([_row_of(event, None) for event in events]).decode()]
    size = next(size for size in SIZES if size >= len(events))
    values: list[Any] = []
    for event in events:
        values += _row_of(event, NULL)
    values += [NULL] * (WIDTH * (size - len(events)))  # LIMIT keeps them out
    values.append(len(events))
    return _of_values(size), values


@cache
def _of_json() -> str:
    """For PostgreSQL: of any number of rows, as one text. asyncpg takes ten times as long to hand over arrays."""
    values = ", ".join(f"(event->>{n})::{kind}" for n, kind in enumerate([*TYPES.values(), "text"]))
    return _statement(f"SELECT {values} FROM jsonb_array_elements($1::text::jsonb) AS event")


@cache
def _of_values(size: int) -> str:
    """For SQLite: of the first of so many rows; how many they are is the last value."""
    row = f"({', '.join('?' * WIDTH)})"
    return _statement(f"VALUES {', '.join([row] * size)}") + " LIMIT ?"


def _statement(rows: str) -> str:
    return INSERT.format(columns=COLUMNS, rest=", ".join(list(TYPES)[3:]), rows=rows)


def _row_of(event: EventValues, null: float | None) -> tuple[Any, ...]:
    """The values of the columns, and the whole number to look up, which is not kept; `null` for what is unknown."""
    at, kind, user_id, session_id, mobile, ip, device, operator, reason, request_id = event
    return (
        text_at(at),
        kind,
        null if user_id is None else user_id,
        session_id or null,
        mobiles.mask(mobile) if mobile else null,
        ip or null,
        clean(device, LENGTHS["device"]) if device else null,
        clean(operator, LENGTHS["operator"]) if operator else null,
        clean(reason, LENGTHS["reason"]) if reason else null,
        request_id or null,
        mobile if mobile and user_id is None else null,
    )


def clean(text: str, most: int) -> str:
    """The text as any database takes it: PostgreSQL refuses a NUL, both refuse half of a surrogate pair."""
    if text.isascii() and text.isprintable() and len(text) <= most:
        return text
    return text.replace("\0", "").encode(errors="replace").decode()[:most]


def moment_at(at: float) -> datetime:
    """The moment, in UTC, of seconds since 1970."""
    return datetime.fromtimestamp(at, UTC)


def moment_in(value: datetime | str) -> datetime:
    """A moment as the database has returned it: SQLite has texts."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def span(events: Sequence[EventValues]) -> tuple[datetime, datetime]:
    """The first and the last moment of some events."""
    moments = [at for at, *_ in events]
    return moment_at(min(moments)), moment_at(max(moments))


def text_of(moment: datetime) -> str:
    """As Tortoise writes it; texts of one form are in the order of their moments."""
    return moment.astimezone(UTC).isoformat(" ")


def text_at(at: float) -> str:
    """The same of seconds since 1970, for a fifth of the price: most are of a second that was written out before."""
    part, second = modf(at)
    micro = round(part * MICROSECONDS)  # to the nearest and the even one, as `fromtimestamp` does
    if 0 < micro < MICROSECONDS:
        digits = str(micro)  # a format specifier takes three times as long
        if micro < SIX_DIGITS:
            digits = digits.zfill(6)
        return f"{_second(second)}.{digits}+00:00"
    return text_of(moment_at(at))


@lru_cache(maxsize=16)
def _second(at: float) -> str:
    return moment_at(at).strftime("%Y-%m-%d %H:%M:%S")


def event_of(row: dict[str, Any]) -> AuditEvent:
    """The event of a row with an id and these COLUMNS."""
    return AuditEvent(**{**row, "at": moment_in(row["at"])})
