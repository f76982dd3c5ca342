"""Codes sent and codes used within the last hour in Redis: one hash per prefix, `conversion:{<prefix>}`, one of all.

Counted in buckets of a minute, so the hour slides from minute to minute.
"""

import math
from collections.abc import Awaitable
from dataclasses import dataclass

from service.stores.connection import Connection, Script

COUNT = Script("count_conversion", repeatable=False)  # a second run would count twice
LOOK = Script("count_conversion", repeatable=True)  # counts nothing
MINUTE = 60  # seconds
KEPT = 60  # minutes


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

    def of(self, prefix: str, now: float) -> Awaitable[Conversion]:
        """The counts of the last hour."""
        return self._count(prefix, now, sent=0, used=0)

    def add_sent(self, prefix: str, now: float) -> Awaitable[Conversion]:
        """Count one code sent."""
        return self._count(prefix, now, sent=1, used=0)

    def add_used(self, prefix: str, now: float) -> Awaitable[Conversion]:
        """Count one code used."""
        return self._count(prefix, now, sent=0, used=1)

    def _count(self, prefix: str, now: float, *, sent: int, used: int) -> Awaitable[Conversion]:
        arguments = [math.floor(now / MINUTE), KEPT, sent, used]
        script = COUNT if sent or used else LOOK
        return self._connection.run(script, [f"conversion:{{{prefix}}}"], arguments).read_by(lambda of: Conversion(*of))
