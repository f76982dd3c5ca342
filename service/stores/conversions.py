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

from service.conversion_rule import HOUR, Conversion
from service.errors import ServiceUnavailable
from service.stores.hashes import numbers, read_hash
from service.stores.redis.connection import Connection
from service.stores.redis.scripts import Script

COUNT = Script("count_conversion", repeatable=False)  # a second run would count twice
LOOK = Script("count_conversion", repeatable=True)  # counts nothing
MINUTE = 60  # seconds
SOON = 0.1  # seconds

log = logging.getLogger(__name__)


class ConversionStore:
    """Counts codes. `prefix` is the first digits of a number, or ALL; `now` is in seconds.

    What a method answers has begun, and is to be awaited.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._used: Counter[tuple[str, int]] = Counter()
        self._soon: asyncio.TimerHandle | None = None
        self._counting: set[asyncio.Task[None]] = set()

    def of(self, prefix: str, now: float) -> Awaitable[Conversion]:
        """The counts of the last hour."""
        return self._count(prefix, _minute(now), sent=0, used=0)

    async def minutes(self, prefix: str) -> dict[int, Conversion]:
        """The counts by minute since the epoch, as far as they are kept. Raises ServiceUnavailable."""
        sent: Counter[int] = Counter()
        used: Counter[int] = Counter()
        for name, times in numbers(await read_hash(self._connection, _key(prefix))).items():
            kind, _, born = name.partition(":")
            if kind in {"sent", "used"} and born.isascii() and born.isdigit():
                (sent if kind == "sent" else used)[int(born)] += times
        return {minute: Conversion(sent[minute], used[minute]) for minute in sent | used}

    def add_sent(self, prefix: str, now: float) -> Awaitable[Conversion]:
        """Count one code sent."""
        return self._count(prefix, _minute(now), sent=1, used=0)

    def add_used(self, prefixes: Sequence[str], now: float) -> None:
        """Count one code used for each of these, within SOON, together with all that are used meanwhile.

        Nobody waits for it, and what cannot be counted is told to the log: no login fails for that. A worker that is
        killed takes with it what it has not counted yet.
        """
        minute = _minute(now)
        for prefix in prefixes:
            self._used[prefix, minute] += 1
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(SOON, self._begin, context=Context())

    async def settle(self) -> None:
        """Wait until all that was used is counted."""
        if self._soon:
            self._begin()
        if self._counting:
            await asyncio.wait(self._counting)

    def _begin(self) -> None:
        if self._soon:
            self._soon.cancel()
        self._soon = None
        counting = asyncio.create_task(self._count_used())
        self._counting.add(counting)
        counting.add_done_callback(self._counting.discard)

    async def _count_used(self) -> None:
        used, self._used = self._used, Counter()
        begun = [self._count(prefix, minute, sent=0, used=times) for (prefix, minute), times in used.items()]
        for counting in begun:
            with _told():
                await counting

    def _count(self, prefix: str, minute: int, *, sent: int, used: int) -> Awaitable[Conversion]:
        script = COUNT if sent or used else LOOK
        arguments = [minute, HOUR, sent, used]
        return self._connection.run(script, [_key(prefix)], arguments).then(lambda of: Conversion(*of))


def _key(prefix: str) -> str:
    return f"conversion:{{{prefix}}}"


def _minute(now: float) -> int:
    return math.floor(now / MINUTE)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except ServiceUnavailable:
        log.warning("codes that were used could not be counted")
