"""Who was active, and what happened minute by minute, in Redis. One hash tag, so that one command counts many keys.

    active:{all}:minute:<n>   the users active in one minute (since the epoch), as a HyperLogLog
    active:{all}:hour:<n>     the same of one hour
    active:{all}:counts:<n>   what happened in one minute: a hash of numbers
    active:{all}:last         when something happened last, and a word on it: a hash of "<moment> <word>"

Commands rather than scripts: a Redis that refuses one of them must stop no start, and loses these figures alone.
A value of another type, as an operator may leave one, counts as not there, and makes room for ours.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from redis.exceptions import ResponseError

from service.activity import Active, Minute, Moment
from service.runtime.background import settled
from service.stores.hashes import numbers, read_hash
from service.stores.redis.connection import Connection

MINUTE, HOUR, WEEK = 60, 3600, 7 * 86_400  # seconds
MINUTES, HOURS = 60, 24  # that are looked back on, besides the one that goes on
FEW = 5  # minutes
AT_ONCE = 1_000  # ids in one command: others wait some tenths of a millisecond for it
LAST = "active:{all}:last"


class ActivityStore:
    """Adds up what workers have seen. `now` is in seconds. Raises ServiceUnavailable."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, users: Sequence[int], counts: Mapping[str, int], last: Mapping[str, Moment], now: float
    ) -> None:
        """Count users as active now, add to the counts of this minute, and note what happened last.

        One command after the other, and none after one that fails: nobody waits, and one failure is one line in the
        log. What stands before it has been counted.
        """
        n = math.floor(now / MINUTE)
        if users:
            added = [("PFADD", *users[start : start + AT_ONCE]) for start in range(0, len(users), AT_ONCE)]
            await self._write(_minute(n), (MINUTES + 2) * MINUTE, added)
            # Not by PFADD again: handing over ids is most of what a check costs here.
            await self._write(_hour(math.floor(now / HOUR)), (HOURS + 2) * HOUR, [("PFMERGE", _minute(n))])
        if counts:
            await self._write(
                _counts(n), (MINUTES + 1) * MINUTE, [("HINCRBY", name, times) for name, times in counts.items()]
            )
        if last:
            pairs = [part for name, moment in last.items() for part in (name, f"{moment.at:.3f} {moment.word}")]
            await self._write(LAST, WEEK, [("HSET", *pairs)])

    async def active(self, now: float) -> Active:
        """The people who were active within these times."""
        minute, hour = math.floor(now / MINUTE), math.floor(now / HOUR)
        few, many = ([_minute(minute - n) for n in range(minutes + 1)] for minutes in (FEW, MINUTES))
        hours = [_hour(hour - n) for n in range(HOURS + 1)]
        return Active(*await settled(*(self._count(*keys) for keys in (few, many, hours))))

    async def minutes(self, now: float) -> list[Minute]:
        """What happened in each of the last MINUTES, the one that goes on among them; the oldest first."""
        last = math.floor(now / MINUTE)
        those = range(last - MINUTES + 1, last + 1)
        hashes = await settled(*(read_hash(self._connection, _counts(minute)) for minute in those))
        return [Minute(minute * MINUTE, numbers(found)) for minute, found in zip(those, hashes, strict=True)]

    async def last(self) -> dict[str, Moment]:
        """What happened last, by name."""
        found = {name: _moment(value) for name, value in (await read_hash(self._connection, LAST)).items()}
        return {name: moment for name, moment in found.items() if moment}

    async def _write(self, key: str, life: int, commands: Sequence[tuple[Any, ...]]) -> None:
        try:
            for command, *arguments in commands:
                await self._connection.write(command, key, *arguments)
            await self._connection.write("EXPIRE", key, str(life))
        except ResponseError:
            await self._connection.delete(key)

    async def _count(self, *keys: str) -> int:
        try:
            return int(await self._connection.read("PFCOUNT", *keys))
        except ResponseError:
            return 0


def _minute(n: int) -> str:
    return f"active:{{all}}:minute:{n}"


def _hour(n: int) -> str:
    return f"active:{{all}}:hour:{n}"


def _counts(minute: int) -> str:
    return f"active:{{all}}:counts:{minute}"


def _moment(value: str) -> Moment | None:
    at, _, word = value.partition(" ")
    whole, _, part = at.partition(".")
    return Moment(float(at), word) if at.isascii() and whole.isdigit() and part.isdigit() else None
