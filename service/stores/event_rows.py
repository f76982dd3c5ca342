"""Events as rows of the table `events`: its columns, the statements that insert many, and both ways to a value."""

# ruff: noqa: S608 - what is put into the statement are names and marks of this file; values are passed apart

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from service import mobiles
from service.audit_events import AuditEvent, NewEvent

MOST = 200  # events in one statement, and rows that one step changes or deletes: no lock is held for long
# How many a statement of SQLite's has room for. Few, so that each is compiled once: that costs more than to run it.
SIZES = (1, 8, 32, 100, MOST)

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


def insertion(rows: Sequence[Sequence[Any]], *, postgres: bool) -> tuple[str, list[Any]]:
    """The statement that inserts up to MOST of what `row_of` returns, and its values."""
    if postgres:
        return _of_arrays(), [list(column) for column in zip(*rows, strict=True)]
    size = next(size for size in SIZES if size >= len(rows))
    values: list[Any] = []
    for moment, *rest in rows:
        values.append(_text_at(moment))
        values += rest
    # Zeros, since Python's sqlite3 takes six times as long for a None; LIMIT keeps them out.
    values += [0] * (WIDTH * (size - len(rows)))
    values.append(len(rows))
    return _of_values(size), values


@cache
def _of_arrays() -> str:
    """For PostgreSQL: of any number of rows."""
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate([*TYPES.values(), "text"], 1))
    return _statement(f"SELECT * FROM unnest({arrays})")


@cache
def _of_values(size: int) -> str:
    """For SQLite: of the first of so many rows; how many they are is the last value."""
    row = f"({', '.join('?' * WIDTH)})"
    return _statement(f"VALUES {', '.join([row] * size)}") + " LIMIT ?"


def _statement(rows: str) -> str:
    return INSERT.format(columns=COLUMNS, rest=", ".join(list(TYPES)[3:]), rows=rows)


def row_of(event: NewEvent) -> tuple[Any, ...]:
    """The values of the columns, and the whole number, which is looked up and not kept."""
    _, kind, user_id, session_id, mobile, ip, device, operator, reason, request_id = event
    return (
        moment_of(event),
        kind,
        user_id,
        session_id,
        mobiles.mask(mobile) if mobile else None,
        ip,
        clean(device, LENGTHS["device"]),
        clean(operator, LENGTHS["operator"]),
        clean(reason, LENGTHS["reason"]),
        request_id,
        mobile,
    )


def clean(text: str | None, most: int) -> str | None:
    """The text as any database takes it: PostgreSQL refuses a NUL, both refuse half of a surrogate pair."""
    if text is None or (text.isascii() and text.isprintable() and len(text) <= most):
        return text
    return text.replace("\0", "").encode(errors="replace").decode()[:most]


def moment_of(event: NewEvent) -> datetime:
    """When it happened, in UTC."""
    return datetime.fromtimestamp(event.at, UTC)


def moment_in(value: datetime | str) -> datetime:
    """A moment as the database has returned it: SQLite has texts."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def span(events: Sequence[NewEvent]) -> tuple[datetime, datetime]:
    """The first and the last moment of some events."""
    moments = [event.at for event in events]
    return datetime.fromtimestamp(min(moments), UTC), datetime.fromtimestamp(max(moments), UTC)


def text_of(moment: datetime) -> str:
    """As Tortoise writes it; texts of one form are in the order of their moments."""
    return moment.astimezone(UTC).isoformat(" ")


def _text_at(moment: datetime) -> str:
    """The same of a moment in UTC, for a third of the price: most are of a second that was written out before."""
    if not moment.microsecond:
        return moment.isoformat(" ")
    return f"{_second(int(moment.timestamp()))}.{moment.microsecond:06d}+00:00"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def event_of(row: dict[str, Any]) -> AuditEvent:
    """The event of a row with an id and these COLUMNS."""
    return AuditEvent(**{**row, "at": moment_in(row["at"])})
