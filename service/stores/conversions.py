"""Codes sent and codes used within the last hour in Redis: one hash per prefix, `conversion:{<prefix>}`, one of all.

Counted in buckets of a minute, so the hour slides from minute to minute.
"""

import math
from collections import Counter
from collections.abc import Awaitable, Sequence
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
    """One code used, which counts for each of the prefixes; `minute` is that of the bucket it goes into."""

    prefixes: Sequence[str]
    minute: int


class ConversionStore:
    """Counts codes. `prefix` is the first digits of a number, or ALL; `now` is in seconds.

    What a method answers has begun, and is to be awaited.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._used: Gathering[_Used, None] = Gathering(self._count_used, most=MOST)

    def of(self, prefix: str, now: float) -> Awaitable[Conversion]:
        """The counts of the last hour."""
        return self._count(prefix, _minute(now), sent=0, used=0)

    def add_sent(self, prefix: str, now: float) -> Awaitable[Conversion]:
        """Count one code sent."""
        return self._count(prefix, _minute(now), sent=1, used=0)

    def add_used(self, prefixes: Sequence[str], now: float, seconds: float) -> Awaitable[None]:
        """Count one code used, together with all that are used at the same time. TimeoutError after `seconds`."""
        return self._used.ask(_Used(prefixes, _minute(now)), seconds)

    async def _count_used(self, used: Batch[_Used, None]) -> None:
        """Where some of it cannot be counted, nobody is told that all was."""
        amounts = Counter((prefix, one.item.minute) for one in used for prefix in one.item.prefixes)
        counts = [self._count(prefix, minute, sent=0, used=amount) for (prefix, minute), amount in amounts.items()]
        is_counted = True
        for counting in counts:
            try:
                await counting
            except ServiceUnavailable:
                is_counted = False
        for one in used:
            one.answer(None) if is_counted else one.fail(ServiceUnavailable())

    def _count(self, prefix: str, minute: int, *, sent: int, used: int) -> Awaitable[Conversion]:
        script = COUNT if sent or used else LOOK
        arguments = [minute, KEPT, sent, used]
        return self._connection.run(script, [f"conversion:{{{prefix}}}"], arguments).read_by(lambda of: Conversion(*of))


def _minute(now: float) -> int:
    return math.floor(now / MINUTE)
