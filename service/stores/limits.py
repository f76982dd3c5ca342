"""Limits in Redis: one list of moments per window, `limit:<name>/<who>/...`, as the `limits` library has them.

The window moves: never more than its amount within any time of its length, and it is known when there is room again.
"""

from collections.abc import Awaitable, Sequence

from service.entities import Clock
from service.runtime.background import settled
from service.stores.budgets import Budget, Refusal, Window
from service.stores.redis.connection import Connection
from service.stores.redis.scripts import Script, ScriptCall

SPEND = Script("limit", repeatable=False)  # a second run would spend another one
LOOK = Script("limit", repeatable=True)  # spends nothing
CONTENDED = 5  # times to try again when others are spending and giving back at the same moment


class LimitStore:
    """Spends budgets, all or none. Raises ServiceUnavailable where Redis does not answer: limits fail closed."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def look(self, budgets: Sequence[Budget]) -> Refusal | None:
        """The budget that has no room for the longest time, if any. Spends nothing."""
        windows = _windows(budgets)
        waits = await settled(*(self._connection.run(*self._call(LOOK, *pair)) for pair in windows))
        refusals = [Refusal(budget.name, wait) for (budget, _), wait in zip(windows, waits, strict=True) if wait]
        return max(refusals, key=lambda refusal: refusal.wait, default=None)

    async def spend(self, budgets: Sequence[Budget]) -> Refusal | None:
        """Spend one of each budget. Where one has no room, spend none and return it."""
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
        """What spends one of each budget, for a round trip that does more. It returns 0 where there is no room.

        None where that takes more than a step: what the first had spent would have to be given back.
        """
        windows = _windows(budgets)
        return [self._call(SPEND, *pair) for pair in windows] if len(windows) <= 1 else None

    async def refund(self, budgets: Sequence[Budget]) -> None:
        """Undo one `spend`."""
        await self._take_back(_windows(budgets))

    def forget(self, budgets: Sequence[Budget]) -> list[Awaitable[int]]:
        """Make the budgets whole again. What is returned has begun, and is to be awaited."""
        return [self._connection.delete(key) for budget in budgets for key in budget.keys]

    def count(self, budgets: Sequence[Budget]) -> list[Awaitable[int]]:
        """1 for each window of which something is spent, else 0. As what `forget` returns."""
        return [self._connection.read("EXISTS", key) for budget in budgets for key in budget.keys]

    async def _spend_in_turn(self, windows: Sequence[tuple[Budget, Window]]) -> Budget | None:
        """The first budget without room, if any; what was spent before it is given back.

        One after the other: of many callers that take two budgets in any order, each might get but one.
        """
        for spent, (budget, window) in enumerate(windows):
            if not await self._connection.run(*self._call(SPEND, budget, window)):
                await self._take_back(windows[:spent])
                return budget
        return None

    def _call(self, script: Script, budget: Budget, window: Window) -> ScriptCall:
        return (
            script,
            [window.key(budget.who)],
            [repr(self._clock()), window.amount, window.seconds, int(script is SPEND)],
        )

    async def _take_back(self, windows: Sequence[tuple[Budget, Window]]) -> None:
        """Drop the newest moments. If one is another request's, made in between, the count is right all the same."""
        await settled(*(self._connection.write("LPOP", window.key(budget.who)) for budget, window in windows))


def _windows(budgets: Sequence[Budget]) -> list[tuple[Budget, Window]]:
    return [(budget, window) for budget in budgets for window in budget.windows]
