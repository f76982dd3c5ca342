"""What became of messages and codes, in Redis, beside what `activity.py` keeps of each minute.

    active:{all}:messages:<n>   messages of one hour by sender: a hash of numbers, as those of a minute
    active:{all}:codes:10m:<n>  codes of ten minutes by prefix: a hash of "<asked> <sent> <used>"
    active:{all}:codes:1h:<n>   the same of one hour

Each ends by itself, and holds MOST prefixes: what walks through more leaves those that are most asked for. Tables whose
time has long been over are added up once, and not read again.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from redis.exceptions import ResponseError

from service.activity import SMS
from service.message_counts import SMS_SECONDS, CodeCounts, CodeTable, total
from service.runtime.background import settled
from service.stores.hashes import numbers, read_hash
from service.stores.redis.connection import Connection
from service.stores.redis.scripts import Script

COUNT = Script("count_prefixes", repeatable=False)  # a second run would count twice
TEN_MINUTES, HOUR = 600, 3600  # seconds
TENS, HOURS = 6, 24  # that are looked back on, besides the one that goes on
GROWING = 2  # of the newest tables, to which workers may still add: they are some seconds late
MOST = 300  # prefixes in each
AT_ONCE = 100  # prefixes in one script: others wait some tenths of a millisecond for it
REST = "rest"
PARTS, LONGEST = len(CodeCounts._fields), 15  # of a value, and digits of each

Sums = dict[str, CodeCounts]  # by prefix, and REST


class MessageFigureStore:
    """Adds up what workers have seen. `now` is in seconds. Raises ServiceUnavailable."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._closed: dict[str, tuple[Sequence[str], Sums]] = {}  # keys, and their sums

    async def add(self, counts: Mapping[str, int], codes: Mapping[str, CodeCounts], now: float) -> None:
        """Add to the messages of this hour, of `counts` those that are of messages, and to the codes by prefix."""
        of_messages = {name: times for name, times in counts.items() if name.startswith((SMS, SMS_SECONDS))}
        if of_messages:
            await self._add_messages(_messages(math.floor(now / HOUR)), of_messages)
        if codes:
            table = _bounded(codes)
            await self._add_codes(_tens(math.floor(now / TEN_MINUTES)), (TENS + 2) * TEN_MINUTES, table)
            await self._add_codes(_hours(math.floor(now / HOUR)), (HOURS + 2) * HOUR, table)

    async def messages(self, now: float) -> dict[str, int]:
        """Messages of the last day by name, from a whole hour on."""
        last = math.floor(now / HOUR)
        found = await settled(*(read_hash(self._connection, _messages(last - n)) for n in range(HOURS + 1)))
        sums: dict[str, int] = {}
        for one in found:
            for name, times in numbers(one).items():
                sums[name] = sums.get(name, 0) + times
        return sums

    async def codes_of_hour(self, now: float) -> CodeTable:
        """Codes of the last hour by prefix, from whole ten minutes on."""
        last = math.floor(now / TEN_MINUTES)
        return await self._table("tens", [_tens(last - n) for n in range(TENS + 1)])

    async def codes_of_day(self, now: float) -> CodeTable:
        """Codes of the last day by prefix, from a whole hour on."""
        last = math.floor(now / HOUR)
        return await self._table("hours", [_hours(last - n) for n in range(HOURS + 1)])

    async def _add_messages(self, key: str, counts: Mapping[str, int]) -> None:
        try:
            for name, times in counts.items():
                await self._connection.write("HINCRBY", key, name, str(times))
            await self._connection.write("EXPIRE", key, str((HOURS + 2) * HOUR))
        except ResponseError:
            await self._connection.delete(key)  # a value of another type makes room

    async def _add_codes(self, key: str, life: int, table: CodeTable) -> None:
        of_each = {**table.prefixes, REST: table.rest} if any(table.rest) else table.prefixes
        added = [part for prefix, counts in of_each.items() for part in (prefix, *counts)]
        await self._connection.run(COUNT, [key], [life, MOST, REST, *added])

    async def _table(self, kind: str, keys: Sequence[str]) -> CodeTable:
        """All of these tables together, the newest first."""
        closed = keys[GROWING:]
        kept_keys, kept = self._closed.get(kind, ((), {}))
        if kept_keys != closed:
            kept = await self._sum(closed)
            self._closed[kind] = closed, kept
        sums = {**kept}
        for prefix, counts in (await self._sum(keys[:GROWING])).items():
            sums[prefix] = counts.plus(sums[prefix]) if prefix in sums else counts
        rest = sums.pop(REST, CodeCounts())
        return CodeTable(sums, rest)

    async def _sum(self, keys: Iterable[str]) -> Sums:
        sums: defaultdict[str, list[int]] = defaultdict(lambda: [0] * PARTS)  # there may be ten thousand: quickly
        for found in await settled(*(read_hash(self._connection, key) for key in keys)):
            for prefix, value in found.items():
                if counts := _counts(value):
                    before = sums[prefix]
                    for n, times in enumerate(counts):
                        before[n] += times
        return {prefix: CodeCounts(*counts) for prefix, counts in sums.items()}


def _bounded(codes: Mapping[str, CodeCounts]) -> CodeTable:
    """Those most asked for, and the rest in one."""
    kept = dict(heapq.nlargest(AT_ONCE, codes.items(), key=lambda item: item[1].asked + item[1].sent))
    return CodeTable(kept, total([counts for prefix, counts in codes.items() if prefix not in kept]))


def _counts(value: str) -> list[int] | None:
    """What a value holds; None where it is none of ours."""
    parts = value.split(" ")
    if len(parts) == PARTS and value.isascii() and all(part.isdigit() and len(part) <= LONGEST for part in parts):
        return [*map(int, parts)]
    return None


def _messages(hour: int) -> str:
    return f"active:{{all}}:messages:{hour}"


def _tens(n: int) -> str:
    return f"active:{{all}}:codes:10m:{n}"


def _hours(n: int) -> str:
    return f"active:{{all}}:codes:1h:{n}"
