"""Codes sent and codes used within the last hour in Redis: one hash per prefix, `conversion:{<prefix>}`, one of all.

Counted in buckets of a minute, so the hour slides from minute to minute.
"""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass

from service.errors import ServiceUnavailable
from service.stores.connection import Connection
from service.stores.scripts import Script

COUNT = Script("count_conversion", repeatable=False)  # a second run would count twice
LOOK = Script("count_conversion", repeatable=True)  # counts nothing
MINUTE = 60  # seconds
KEPT = 60  # minutes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Conversion:
    """How many codes were sent and used."""

    sent: int
    used: int


class ConversionStore:
    """Counts codes. `prefix` is the first digits of a number, or ALL; `now` is in seconds.

    What a method answers has begun, and is to be awaited.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._used: Counter[tuple[str, int]] = Counter()
        self._counting: asyncio.Task[None] | None = None

    def of(self, prefix: str, now: float) -> Awaitable[Conversion]:
        """The counts of the last hour."""
        return self._count(prefix, _minute(now), sent=0, used=0)

    def add_sent(self, prefix: str, now: float) -> Awaitable[Conversion]:
        """Count one code sent."""
        return self._count(prefix, _minute(now), sent=1, used=0)

    def add_used(self, prefixes: Sequence[str], now: float) -> None:
        """Count one code used for each of these, soon, together with all that are used at the same time.

        Nobody waits for it, and what cannot be counted is told to the log: no login fails for that.
        """
        minute = _minute(now)
        for prefix in prefixes:
            self._used[prefix, minute] += 1
        if self._counting is None:
            # Begun here, so that it goes along with what its caller asks for next.
            self._counting = asyncio.create_task(self._count_used(self._begun()), context=Context())

    async def settle(self) -> None:
        """Wait until all that was used is counted."""
        while self._counting:
            await asyncio.wait({self._counting})

    def _begun(self) -> list[Awaitable[Conversion]]:
        used, self._used = self._used, Counter()
        return [self._count(prefix, minute, sent=0, used=times) for (prefix, minute), times in used.items()]

    async def _count_used(self, begun: list[Awaitable[Conversion]]) -> None:
        try:
            while begun:
                for counting in begun:
                    with _told():
                        await counting
                begun = self._begun()
        finally:
            self._counting = None

    def _count(self, prefix: str, minute: int, *, sent: int, used: int) -> Awaitable[Conversion]:
        script = COUNT if sent or used else LOOK
        arguments = [minute, KEPT, sent, used]
        return self._connection.run(script, [f"conversion:{{{prefix}}}"], arguments).read_by(lambda of: Conversion(*of))


def _minute(now: float) -> int:
    return math.floor(now / MINUTE)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except ServiceUnavailable:
        log.warning("codes that were used could not be counted")
