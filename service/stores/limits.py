"""Limits in Redis, counted by the `limits` library: one list of moments per budget, `limit:<name>/<who>/...`.

Its moving window never allows more than an amount within any window of its length, and knows when the next is allowed.
"""

import asyncio
import logging
import math
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import starmap
from typing import Any

from limits import WindowStats
from limits.aio.storage import RedisStorage
from limits.aio.storage.redis.bridge import RedisBridge
from limits.aio.strategies import MovingWindowRateLimiter
from redis.exceptions import ResponseError

from service.entities import Clock
from service.stores.budgets import PREFIX, Budget, Refusal, Window
from service.stores.redis.connection import UNABLE, Connection
from service.stores.redis.scripts import Script, ScriptCall

FOREIGN = re.compile("WRONGTYPE|user_script|compare")  # a value of another type, or a list of something else
# The library's own: answers 1, or nothing where there is no room.
SPEND = Script("limit", repeatable=False, source=RedisBridge.SCRIPT_ACQUIRE_MOVING_WINDOW.decode())
AHEAD = 3600.0  # seconds; a moment that is further ahead of our clock was written by nobody of us
CONTENDED = 5  # times to try again when others are spending and giving back at the same moment

log = logging.getLogger(__name__)


class _Client:
    """What the library uses of a redis-py client, on our connection: its commands go out with all others."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def register_script(self, source: bytes) -> Callable[[Sequence[str], Sequence[Any]], Awaitable[Any]]:
        """One of the library's scripts. Looking may be repeated, spending not."""
        script = Script("limit", repeatable=source == RedisBridge.SCRIPT_MOVING_WINDOW, source=source.decode())
        return partial(self._connection.run, script)

    async def delete(self, key: str) -> int:
        """Delete one key."""
        return int(await self._connection.delete(key))


class _Storage(RedisStorage):
    """The library's storage on a connection that we have, whatever stands behind it."""

    STORAGE_SCHEME: list[str] = []  # noqa: RUF012 - as the library has it; empty: it is not made from a URL

    def __init__(self, client: _Client) -> None:
        self._client = client
        super().__init__("async+redis://", implementation="redispy", key_prefix=PREFIX)

    def configure_bridge(self) -> None:
        """What the library's own storages do here with clients of their own."""
        bridge: Any = self.bridge
        bridge.storage = self._client
        bridge.connection_getter = lambda _readonly: self._client


class LimitStore:
    """Spends budgets, all or none. Raises ServiceUnavailable where Redis does not answer: limits fail closed."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._storage = _Storage(_Client(connection))
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._clock = clock

    async def look(self, budgets: Sequence[Budget]) -> Refusal | None:
        """The budget that has no room for the longest time, if any. Spends nothing."""
        pairs = _windows(budgets)
        waits = [await self._wait(*pairs[0])] if len(pairs) == 1 else await asyncio.gather(*starmap(self._wait, pairs))
        return max(
            (Refusal(budget.name, wait) for (budget, _), wait in zip(pairs, waits, strict=True) if wait > 0),
            key=lambda refusal: refusal.wait,
            default=None,
        )

    async def spend(self, budgets: Sequence[Budget]) -> Refusal | None:
        """Spend one of each budget. Where one has no room, spend none and answer it."""
        full: Budget | None = None
        windows = _windows(budgets)
        for _ in range(CONTENDED):
            full = await self._spend_in_turn(windows)
            if full is None:
                return None
            refusal = await self.look(budgets)
            if refusal:
                return refusal  # else somebody has given back meanwhile what was in the way
        return Refusal(full.name, 1) if full else None

    def spending(self, budgets: Sequence[Budget]) -> list[ScriptCall] | None:
        """What spends one of each budget, for a round trip that does more. It returns nothing where there is no room.

        None where that takes more than a step: what the first had spent would have to be given back.
        """
        windows = _windows(budgets)
        return [self._step(*pair) for pair in windows] if len(windows) <= 1 else None

    async def refund(self, budgets: Sequence[Budget]) -> None:
        """Undo one `spend`."""
        await asyncio.gather(*(self._take_back(*pair) for pair in _windows(budgets)))

    def forget(self, budgets: Sequence[Budget]) -> list[Awaitable[object]]:
        """Make the budgets whole again. What is answered has begun, and is to be awaited."""
        return [self._connection.delete(key) for budget in budgets for key in budget.keys]

    async def _spend_in_turn(self, windows: Sequence[tuple[Budget, Window]]) -> Budget | None:
        """The first budget without room, if any; what was spent before it is given back.

        One after the other: of many callers that take two budgets in any order, each might get but one.
        """
        spent: list[tuple[Budget, Window]] = []
        for budget, window in windows:
            if not await self._mended(budget, window, self._hit):
                await asyncio.gather(*(self._take_back(*pair) for pair in spent))
                return budget
            spent.append((budget, window))
        return None

    async def _wait(self, budget: Budget, window: Window) -> int:
        """Rounded up and past the moment itself: what is exactly as old as its window still counts."""
        stats = await self._mended(budget, window, self._stats)
        if stats.remaining > 0:
            return 0
        wait: float = stats.reset_time - self._clock()
        if wait > window.seconds + AHEAD:  # infinity, too
            await self._forget_foreign(budget, window)
            return 0
        return max(0, math.floor(wait)) + 1

    def _hit(self, budget: Budget, window: Window) -> Awaitable[object]:
        return self._connection.run(*self._step(budget, window))

    def _step(self, budget: Budget, window: Window) -> ScriptCall:
        """Spend one by the library's script. Its own way there takes as long as Redis."""
        return SPEND, [window.key(budget.who)], [repr(self._clock()), window.amount, window.seconds, 1]

    def _stats(self, budget: Budget, window: Window) -> Awaitable[WindowStats]:
        return self._limiter.get_window_stats(window.item, budget.who)

    async def _mended(self, budget: Budget, window: Window, ask: Callable[[Budget, Window], Awaitable[Any]]) -> Any:
        """Ask. A key that holds what the library did not write (an operator's SET) is deleted, and asked again."""
        try:
            return await ask(budget, window)
        except ResponseError as error:
            if not is_foreign(error):
                raise
            await self._forget_foreign(budget, window)
            return await ask(budget, window)

    async def _forget_foreign(self, budget: Budget, window: Window) -> None:
        log.warning("limit %s: a key held something else, and was deleted", budget.name)
        await self._connection.delete(window.key(budget.who))

    async def _take_back(self, budget: Budget, window: Window) -> None:
        """Drop the newest moment. If it is another request's, made in between, the count is right all the same."""
        await self._connection.write("LPOP", window.key(budget.who))


def is_foreign(error: ResponseError) -> bool:
    """Whether a script failed because a key holds what it did not write."""
    return bool(FOREIGN.search(str(error))) and not UNABLE.search(str(error))


def _windows(budgets: Sequence[Budget]) -> list[tuple[Budget, Window]]:
    return [(budget, window) for budget in budgets for window in budget.windows]
