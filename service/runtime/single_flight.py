"""One at a time in each lane; callers who bring the same item meanwhile share one run."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

from service.runtime import deadline

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Runs work in tasks of its own: a caller who is cancelled takes nothing from those who share the run.

    Waiting for others spends none of a caller's deadline; the work itself has the time that its first caller had left.
    """

    def __init__(self) -> None:
        self._lanes: dict[Hashable, dict[Hashable, asyncio.Task[Result]]] = {}

    def __len__(self) -> int:
        """How many runs wait or are under way."""
        return sum(map(len, self._lanes.values()))

    async def run(self, lane: Hashable, item: Hashable, work: Callable[[], Awaitable[Result]]) -> Result:
        """What `work` returns or raises, or that of the run of this item that has not ended yet."""
        runs = self._lanes.setdefault(lane, {})
        task = runs.get(item)
        if task is None:
            last = next(reversed(runs.values()), None)
            task = runs[item] = asyncio.create_task(_after(last, work))
            task.add_done_callback(partial(self._leave, lane, item))
        with deadline.paused():
            return await asyncio.shield(task)

    def _leave(self, lane: Hashable, item: Hashable, _: asyncio.Task[Result]) -> None:
        runs = self._lanes[lane]
        del runs[item]
        if not runs:
            del self._lanes[lane]


async def _after(last: asyncio.Task[Result] | None, work: Callable[[], Awaitable[Result]]) -> Result:
    if last is not None:
        with deadline.paused():
            await asyncio.wait([last])
    return await work()
