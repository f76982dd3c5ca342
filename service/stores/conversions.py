"""Codes sent and codes used within the last hour in Redis: one hash per prefix, `conversion:{<prefix>}`, one of all.

Counted in buckets of a minute, so the hour slides from minute to minute.
"""

import math
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import NamedTuple

from service.errors import ServiceUnavailable
from service.stores.connection import Connection, Script
from service.stores.gathering import Batch, Gathering

COUNT = Script("count_conversion", repeatable=False)  # a second run would count twice
LOOK = Script("count_conversion", repeatable=True)  # counts nothing
MINUTE = 60  # seconds
KEPT = 60  # minutes
MOST = 256  # codes counted together


@dataclass(frozen=True, slots=True)
class Conversion:
    """How many codes were sent and used."""

    sent: int
    used: int


class _Used(NamedTuple):
    """One code used; `minute` is that of the bucket it goes into."""

    prefix: str
    minute: int


class ConversionStore:
    """Counts codes. `prefix` is the first digits of a number, or ALL; `now` is in seconds.

    What a method answers has begun, and is to be awaited.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._used: Gathering[_Used, Conversion] = Gathering(self._count_used, most=MOST)

    def of(self, prefix: str, now: float) -> Awaitable[Conversion]:
        """The counts of the last hour."""
        return self._count(prefix, _minute(now), sent=0, used=0)

    def add_sent(self, prefix: str, now: float) -> Awaitable[Conversion]:
        """Count one code sent."""
        return self._count(prefix, _minute(now), sent=1, used=0)

    def add_used(self, prefix: str, now: float, seconds: float) -> Awaitable[Conversion]:
        """Count one code used, together with all that are used at the same time. TimeoutError after `seconds`."""
        return self._used.ask(_Used(prefix, _minute(now)), seconds)

    async def _count_used(self, used: Batch[_Used, Conversion]) -> None:
        counts = {
            kind: self._count(kind.prefix, kind.minute, sent=0, used=amount)
            for kind, amount in Counter(one.item for one in used).items()
        }
        for kind, counting in counts.items():
            mine = [one for one in used if one.item == kind]
            try:
                conversion = await counting
            except ServiceUnavailable:
                for one in mine:
                    one.fail(ServiceUnavailable())
            else:
                for one in mine:
                    one.answer(conversion)

    def _count(self, prefix: str, minute: int, *, sent: int, used: int) -> Awaitable[Conversion]:
        script = COUNT if sent or used else LOOK
        arguments = [minute, KEPT, sent, used]
        return self._connection.run(script, [f"conversion:{{{prefix}}}"], arguments).read_by(lambda of: Conversion(*of))


def _minute(now: float) -> int:
    return math.floor(now / MINUTE)
