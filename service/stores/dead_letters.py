"""Events that a receiver has not taken for a day, kept until an operator sends them once more or deletes them.

    {outbox}:dead   a stream; an entry has what the event's had, and
                        receiver   the key of the receiver that did not take it
                        id         its `webhook-id`, which it keeps
                        tries      how often the last dispatcher tried
                        problem    what became of the last one

One that is sent once more is an entry of the outbox again, in the same step, with its `id` and with `to`: the receiver
that it is for. Others who read the stream pass such entries over.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from service.stores.deliveries import LEASE, NotHeldError, group_of, read_event
from service.stores.outbox import COUNTS, STREAM
from service.stores.redis.connection import Connection
from service.stores.redis.scripts import Script
from service.webhooks import DeadLetter, OutboxEvent

BURY = Script("bury_event", repeatable=True)
RESEND = Script("resend_letter", repeatable=True)
DEAD = "{outbox}:dead"
KEPT = 10_000  # letters: beyond that the oldest goes
COUNTED = 500  # letters in one step


class DeadLetterStore:
    """Raises ServiceUnavailable."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def bury(self, token: str, receiver: str, event: OutboxEvent, tries: int, problem: str) -> int:
        """Give an event up, for the dispatcher that holds the lease: it is done, and a letter, in one step.

        Returns how many letters have made room. Raises NotHeldError.
        """
        told = {**_fields(event), "receiver": receiver, "id": event.id, "tries": str(tries), "problem": problem}
        arguments: list[str | bytes | int] = [token, group_of(receiver), event.place, KEPT]
        arguments += [part for pair in told.items() for part in pair]
        dropped = await self._connection.run(BURY, [STREAM, DEAD, LEASE], arguments)
        if dropped is None:
            raise NotHeldError
        return int(dropped)

    async def newest(self, before: str, most: int) -> Sequence[DeadLetter]:
        """So many at most, the newest first; those before a letter id, where it is not empty."""
        until = f"({before}" if before else "+"
        entries = await self._connection.read("XREVRANGE", DEAD, until, "-", "COUNT", str(most))
        return _letters(entries)

    async def counts(self) -> Counter[str]:
        """How many each receiver has, by its key. Some at a time: checks of tokens wait for no long answer of Redis."""
        found: Counter[str] = Counter()
        start = "-"
        while entries := await self._connection.read("XRANGE", DEAD, start, "+", "COUNT", str(COUNTED)):
            found.update(_values(fields).get(b"receiver", b"").decode() for _, fields in entries)
            start = f"({entries[-1][0].decode()}"
        return found

    async def find(self, letter_id: str) -> DeadLetter | None:
        """The letter of an id."""
        [found, *_] = [*_letters(await self._connection.read("XRANGE", DEAD, letter_id, letter_id)), None]
        return found

    async def resend(self, letter_id: str) -> bool:
        """Put it into the outbox again, and take it out of the list, in one step. Whether it was there."""
        return bool(await self._connection.run(RESEND, [DEAD, STREAM, COUNTS], [letter_id]))

    async def delete(self, letter_id: str) -> bool:
        """Whether it was there."""
        return bool(await self._connection.write("XDEL", DEAD, letter_id))

    async def count(self) -> int:
        """How many there are."""
        return int(await self._connection.read("XLEN", DEAD))


def _fields(event: OutboxEvent) -> dict[str, str]:
    return {"type": event.type, "user": event.user, "at": f"{event.at:.3f}", "data": event.data}


def _letters(entries: Sequence[Any]) -> list[DeadLetter]:
    found = [_letter(place.decode(), _values(fields)) for place, fields in entries]
    return [letter for letter in found if letter]


def _values(fields: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(fields[::2], fields[1::2], strict=True))


def _letter(place: str, values: Mapping[bytes, bytes]) -> DeadLetter | None:
    event = read_event(place, values)
    if event is None:
        return None
    text = {name.decode(): value.decode(errors="replace") for name, value in values.items()}
    tries = text.get("tries", "")
    return DeadLetter(
        place, text.get("receiver", ""), event, int(tries) if tries.isdigit() else 0, text.get("problem", "")
    )
