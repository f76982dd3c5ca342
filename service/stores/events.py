"""The audit trail in SQL. Nothing here is waited for by a request: what is written was queued, and goes in batches."""

# ruff: noqa: S608 - what is put into statements are names, marks and numbers of this file; values are passed apart

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import randrange
from typing import Any, NamedTuple

from service import mobiles
from service.audit_events import AuditEvent, EventFilter, EventValues, NewEvent
from service.entities import NumberName
from service.stores.database import Database
from service.stores.event_rows import (
    COLUMNS,
    LENGTHS,
    MOST,
    clean,
    event_of,
    insertion,
    moment_at,
    moment_in,
    span,
    text_of,
)

NameOf = Callable[[str], NumberName]

REMEMBERED = timedelta(days=7)  # how long somebody who was erased is known by both ids; nothing is queued for so long

SCRUB = "UPDATE events SET user_id = {alias}, mobile = NULL, ip = NULL, device = NULL WHERE id IN ({ids}) RETURNING id"
OF_USER = "SELECT id FROM events WHERE user_id = {user_id} LIMIT {most}"
# Of one that knew a number alone: it may by now bear the id of whoever got the number next.
OF_NUMBER = "SELECT id FROM events WHERE at = {at} AND kind = {kind} AND mobile = {mask}"
ERASED = "NOT EXISTS (SELECT 1 FROM users WHERE users.id = forgotten.user_id)"  # and not only announced
# Codes sent before the first login: no user was known then, but the number's mask and the address are the same.
BEFORE_LOGIN = """
    SELECT event.id FROM
        (SELECT DISTINCT ip, mobile FROM events WHERE user_id = {user_id} AND ip IS NOT NULL AND mobile IS NOT NULL) own
        CROSS JOIN events AS event
    WHERE event.ip = own.ip AND event.mobile = own.mobile AND event.user_id IS NULL LIMIT {most}
"""
FILTERS = ("user_id", "operator", "ip", "kind")  # in the order in which their indexes narrow most


class Place(NamedTuple):
    """Where a page of the trail ended: what comes next is older, or as old with a lower id."""

    at: datetime
    id: int


class EventStore:
    """Writes, finds, anonymises and deletes events."""

    def __init__(self, database: Database, name_of: NameOf | None = None) -> None:
        """`name_of` a number is due for whoever writes events that know a number alone."""
        self._database = database
        self._name_of = name_of

    async def add(self, events: Sequence[EventValues]) -> None:
        """Write up to MOST events with one statement: all of them or none. Raises ServiceUnavailable."""
        await self._database.rows(*insertion(events, postgres=self._database.is_postgres))
        await self.scrub_written(events)

    async def has(self, event: NewEvent) -> bool:
        """Whether an event has been written: one whose statement was cut off may have been, with all of its batch."""
        statement = f"SELECT 1 FROM events WHERE at = {self._mark(1)} AND kind = {self._mark(2)}"
        values: list[object] = [self._moment(moment_at(event.at)), event.kind]
        for name in ("session_id", "request_id"):
            if (value := getattr(event, name)) is not None:
                values.append(clean(value, LENGTHS[name]))
                statement += f" AND {name} = {self._mark(len(values))}"
        return bool(await self._database.rows(f"{statement} LIMIT 1", values))

    async def find(self, wanted: EventFilter, before: Place | None, limit: int) -> list[AuditEvent]:
        """The newest events that fit, those of one moment by their ids."""
        values: list[object] = []

        def mark(value: object) -> str:
            values.append(self._moment(value) if isinstance(value, datetime) else value)
            return self._mark(len(values))

        conditions = [f"{name} = {mark(getattr(wanted, name))}" for name in _given(wanted)[:1]]
        # One index serves; another that the database might take instead would not narrow as much.
        conditions += [f"coalesce({name}, NULL) = {mark(getattr(wanted, name))}" for name in _given(wanted)[1:]]
        if wanted.since:
            conditions.append(f"at >= {mark(wanted.since)}")
        if wanted.until:
            conditions.append(f"at < {mark(wanted.until)}")
        if before:
            at, event_id = mark(before.at), mark(before.id)
            conditions.append(f"at <= {at} AND (at < {at} OR id < {event_id})")
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        statement = f"SELECT id, {COLUMNS} FROM events {where} ORDER BY at DESC, id DESC LIMIT {mark(limit)}"
        return [event_of(row) for row in await self._database.rows(statement, values)]

    async def user_of_session(self, session_id: str) -> int | None:
        """Whose session this is or was, as its login says; None where that is not kept, or the user was erased."""
        statement = f"SELECT user_id FROM events WHERE kind = 'login' AND session_id = {self._mark(1)} LIMIT 1"
        [user_id] = [row["user_id"] for row in await self._database.rows(statement, [session_id])] or [None]
        return user_id if user_id and user_id > 0 else None

    async def announce(self, user_id: int, now: datetime, number: NumberName | None = None) -> int:
        """Say whose events are to be forgotten, up to `now`, once their row is gone: so no writer can miss it.

        Returns the id that they get. Below 0 there is no user; it fits the numbers of JavaScript.
        """
        marks = ", ".join(map(self._mark, (1, 2, 3, 4)))
        statement = f"""
            INSERT INTO forgotten (user_id, alias, at, number) VALUES ({marks}) ON CONFLICT (user_id) DO UPDATE
            SET at = excluded.at, number = coalesce(excluded.number, forgotten.number) RETURNING alias
        """
        values = [user_id, -randrange(1, 1 << 53), self._moment(now), number]  # noqa: S311 - it is no secret
        [row] = await self._database.rows(statement, values)
        return int(row["alias"])

    async def forget(self, user_id: int, now: datetime) -> int:
        """Put another id for a user's, in what stands here and in what is still queued anywhere.

        Returns how many events were changed.
        """
        return await self._scrub(user_id, await self.announce(user_id, now))

    async def sweep(self, until: datetime) -> int:
        """Delete up to MOST of the events before `until`, the oldest first. Returns how many.

        In all workers at once it does no harm: where two choose the same rows the second finds them gone.
        """
        oldest = f"SELECT id FROM events WHERE at < {self._mark(1)} ORDER BY at LIMIT {MOST}"
        statement = f"DELETE FROM events WHERE id IN ({oldest}) RETURNING id"
        return len(await self._database.rows(statement, [self._moment(until)]))

    async def sweep_forgotten(self, now: datetime) -> None:
        """See to those whose events a worker had written, and could not anonymise before it ended; let old ones go."""
        statement = f"DELETE FROM forgotten WHERE at < {self._mark(1)} RETURNING user_id"
        await self._database.rows(statement, [self._moment(now - REMEMBERED)])
        for row in await self._database.rows(f"SELECT user_id, alias FROM forgotten WHERE {ERASED}", []):
            await self._scrub(row["user_id"], row["alias"])

    async def scrub_written(self, events: Sequence[EventValues]) -> None:
        """After these were written: `forget` first says whom, then changes what it finds, so one of both sees them.

        Numbers are looked at only where somebody was erased since the first of these. The plus keeps SQLite from
        reading the events before it has found anybody forgotten.
        """
        first, last = map(self._mark, (1, 2))
        theirs = f"+user_id IN (SELECT user_id FROM events WHERE at >= {first} AND at <= {last})"
        statement = f"""
            SELECT user_id, alias, at, number, {theirs} AS is_theirs FROM forgotten
            WHERE ({theirs} OR (number IS NOT NULL AND at >= {first})) AND {ERASED} ORDER BY at
        """
        found = await self._database.rows(statement, [self._moment(moment) for moment in span(events)])
        for row in found:
            if row["is_theirs"]:
                await self._scrub(row["user_id"], row["alias"])
        await self._scrub_numbers(events, found)

    async def _scrub_numbers(self, events: Sequence[EventValues], found: Sequence[dict[str, Any]]) -> None:
        """Those that knew a number alone, of whoever had it then: it was theirs up to the moment of the erasing."""
        erased = [(row["number"], moment_in(row["at"]), row["alias"]) for row in found if row["number"]]
        if not (erased and self._name_of):
            return
        which = OF_NUMBER.format(at=self._mark(2), kind=self._mark(3), mask=self._mark(4))
        statement = SCRUB.format(alias=self._mark(1), ids=which)
        for event in (NewEvent(*values) for values in events):
            if event.mobile and event.user_id is None:
                name, at = self._name_of(event.mobile), moment_at(event.at)
                values = [self._moment(at), event.kind, mobiles.mask(event.mobile)]
                for alias in [alias for number, until, alias in erased if number == name and at <= until][:1]:
                    await self._database.rows(statement, [alias, *values])

    async def _scrub(self, user_id: int, alias: int) -> int:
        changed = 0
        for ids in (BEFORE_LOGIN, OF_USER):
            which = ids.format(user_id=self._mark(2), most=MOST)
            statement = SCRUB.format(alias=self._mark(1), ids=which)
            while step := len(await self._database.rows(statement, [alias, user_id])):
                changed += step
        return changed

    def _mark(self, number: int) -> str:
        return f"${number}" if self._database.is_postgres else f"?{number}"

    def _moment(self, moment: datetime) -> datetime | str:
        return moment if self._database.is_postgres else text_of(moment)


def _given(wanted: EventFilter) -> list[str]:
    return [name for name in FILTERS if getattr(wanted, name) is not None]
