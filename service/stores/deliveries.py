"""What the dispatcher of webhooks reads of the outbox, and notes of each receiver. The stream itself: `outbox.py`.

    {outbox}:lease       the token of the one dispatcher there is
    {outbox}:receivers   a hash: how each receiver fares, as JSON, by its key
    {outbox}:counts      a hash; `read:<key>` is the `n` of the entry that was read last for a receiver

Each receiver has a consumer group of the stream, with one consumer. What was read and not yet done stands in the
group's list of pending entries, and so is read again by whichever dispatcher comes next.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from service.errors import ServiceUnavailable
from service.runtime.background import settled
from service.stores.hashes import read_hash
from service.stores.outbox import COUNTS, STREAM
from service.stores.redis.connection import Connection, milliseconds
from service.stores.redis.scripts import Script
from service.webhooks import Backlog, OutboxEvent, ReceiverState

HOLD = Script("hold_dispatch", repeatable=True)
# Read twice, the first time's entries are pending: the caller reads those anew after any failure.
READ = Script("read_outbox", repeatable=False)
LEASE, RECEIVERS = "{outbox}:lease", "{outbox}:receivers"
NEW = ">"
PREFIX = "evt_"


class NotHeldError(Exception):
    """The lease is another's, or nobody's."""


class Batch(NamedTuple):
    """What was read; `last` is the place of the last entry.

    `others`: places of entries that are for another receiver; `gone`: of those that were trimmed, or that nobody can
    read. `lost`: how many were trimmed before they were read, so that not even their places are known.
    """

    events: Sequence[OutboxEvent]
    others: Sequence[str]
    gone: Sequence[str]
    lost: int
    last: str


class DeliveryStore:
    """Reads for the dispatcher that holds the lease under `token`. Raises ServiceUnavailable."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def hold(self, token: str, seconds: float) -> bool:
        """Take the lease, or renew it. Whether it is this token's now. Goes through where Redis is full."""
        return bool(await self._connection.run(HOLD, [LEASE], [token, milliseconds(seconds)]))

    async def release(self, token: str) -> None:
        """Give the lease up, if it is this token's."""
        await self._connection.run(HOLD, [LEASE], [token, 0])

    async def read(self, token: str, receiver: str, after: str, most: int, since: float) -> Batch:
        """So many entries at most of this receiver: pending ones after a place, or NEW ones, pending from now on.

        A receiver that was never read for begins with what was written since that moment. Raises NotHeldError.
        """
        arguments: list[str | bytes | int] = [token, receiver, after, most, f"{milliseconds(since)}-0"]
        answer = await self._connection.run(READ, [STREAM, COUNTS, LEASE], arguments)
        if answer is None:
            raise NotHeldError
        lost, entries = answer
        return _batch(receiver, entries, int(lost))

    async def done(self, receiver: str, places: Sequence[str]) -> None:
        """These are done, and no longer pending."""
        await self._connection.write("XACK", STREAM, group_of(receiver), *places)

    async def note(self, states: Mapping[str, ReceiverState]) -> None:
        """Note how the receivers fare."""
        pairs = [part for key, state in states.items() for part in (key, orjson.dumps(state._asdict()).decode())]
        await self._connection.write("HSET", RECEIVERS, *pairs)

    async def states(self) -> dict[str, ReceiverState]:
        """How they fare, by their keys, as it was noted last."""
        found = {key: _state(value) for key, value in (await read_hash(self._connection, RECEIVERS)).items()}
        return {key: state for key, state in found.items() if state}

    async def backlogs(self, receivers: Sequence[str]) -> list[Backlog]:
        """What waits for each of these."""
        counts, length = await settled(read_hash(self._connection, COUNTS), self._connection.read("XLEN", STREAM))
        return [
            _backlog(await self._pending(key), counts.get("written", ""), counts.get(f"read:{key}", ""), length)
            for key in receivers
        ]

    async def _pending(self, receiver: str) -> tuple[int, str]:
        """How many entries were read and are not done, and the place of the oldest."""
        try:
            count, oldest, *_ = await self._connection.read("XPENDING", STREAM, group_of(receiver))
        except ServiceUnavailable as error:
            if "NOGROUP" in str(error.__cause__):  # nothing was read for it yet
                return 0, ""
            raise
        return int(count), (oldest or b"").decode()


def group_of(receiver: str) -> str:
    """The consumer group of a receiver."""
    return f"latch:{receiver}"


def _batch(receiver: str, entries: Sequence[tuple[bytes, Sequence[bytes] | None]], lost: int) -> Batch:
    events: list[OutboxEvent] = []
    others: list[str] = []
    gone: list[str] = []
    for place, fields in entries:
        values = dict(zip(fields[::2], fields[1::2], strict=False)) if fields else {}
        if values.get(b"to", receiver.encode()) != receiver.encode():
            others.append(place.decode())
        elif event := read_event(place.decode(), values):
            events.append(event)
        else:
            gone.append(place.decode())
    return Batch(events, others, gone, lost, entries[-1][0].decode() if entries else "")


def read_event(place: str, values: Mapping[bytes, bytes]) -> OutboxEvent | None:
    """An entry by its fields; None for what is none. `id` is there where it is sent once more."""
    try:
        orjson.loads(values[b"data"])
        text = {name.decode(): value.decode() for name, value in values.items()}
        number = text.get("id", PREFIX + place)
        return OutboxEvent(place, number, text["type"], text["user"], float(text["at"]), text["data"])
    except (KeyError, ValueError):
        return None


def _backlog(pending: tuple[int, str], written: str, read: str, length: int) -> Backlog:
    count, oldest = pending
    unread = min(int(written or 0) - int(read), length) if read else 0
    at = int(oldest.partition("-")[0]) / 1000 if oldest else None
    return Backlog(count + max(0, unread), at)


def _state(value: str) -> ReceiverState | None:
    try:
        found: Any = orjson.loads(value)
        return ReceiverState(**found)
    except (TypeError, ValueError):
        return None
