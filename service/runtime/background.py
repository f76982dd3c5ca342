"""Work that goes on to its end when its caller goes away.

Sanic cancels a handler whose client hangs up. A change of state that is cut off half-way is worse than one that nobody
hears about: it could leave a code lent, a session without its answer, or a database connection in a transaction.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Coroutine
from functools import partial
from typing import Any, TypeVar

from service.runtime.eager import Eager

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class BackgroundTasks:
    """Runs work in tasks of its own, and can wait for those that are still running."""

    def __init__(self) -> None:
        self._running: set[asyncio.Future[Any]] = set()
        self._orphaned: set[asyncio.Future[Any]] = set()

    @property
    def orphaned(self) -> int:
        """How much work goes on though its caller has gone."""
        return len(self._orphaned)

    async def shielded(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Returns what `work` does. If the caller is cancelled, the work goes on, and its failure is logged."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            # As asyncio.shield does it, which since Python 3.14 logs a failure that its caller missed, text and all.
            await asyncio.wait((task,))
            return task.result()
        except asyncio.CancelledError:
            if not task.done():
                self._orphaned.add(task)
                task.add_done_callback(self._orphaned.discard)
            task.add_done_callback(_report)
            raise

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        """Start what nobody waits for but `drain`. Its failure is logged."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(_report)

    def adopt(self, work: Eager) -> None:
        """Count among what goes on what is under way already, and has just lost its caller."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for those in (self._running, self._orphaned):
            those.add(ended)
            ended.add_done_callback(those.discard)
        work.when_done(partial(ended.set_result, None))

    async def drain(self, seconds: float) -> None:
        """Wait until all work is done, `seconds` at most."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)


async def settled(*work: Awaitable[Any]) -> list[Any]:
    """What all of them return, done at the same time. If some fail the first failure is raised, but all have ended.

    What has begun already is waited for as it is: a task for each would cost more than most of what is waited for.
    """
    begun: deque[Any] = deque(asyncio.create_task(one) if asyncio.iscoroutine(one) else one for one in work)
    results: list[Any] = []
    failures: list[Exception] = []
    try:
        while begun:
            try:
                results.append(await begun.popleft())
            except Exception as error:  # noqa: BLE001 - raised below
                failures.append(error)
    finally:  # where the caller is cancelled, nobody will wait for the rest
        for one in begun:
            one.cancel()
    if failures:
        raise failures[0]
    return results


def _report(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.warning("work failed after its client had gone: %s", type(error).__name__)
