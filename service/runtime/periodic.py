"""Work that a process does again and again beside its requests. Knows neither HTTP nor stores."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from service.errors import ServiceUnavailable

log = logging.getLogger(__name__)


class Periodic:
    """Does `work` at once and then every `pause` seconds; while a store is away ever more seldom, up to `longest`.

    `failing` is the line in the log when that begins, and no line follows until the work has been done again.
    """

    def __init__(self, work: Callable[[], Awaitable[None]], *, pause: float, longest: float, failing: str) -> None:
        self._work = work
        self._pause = pause
        self._longest = longest
        self._failing = failing
        self._is_failing = False
        self._is_over = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Do it from now on."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Do it no more; what is under way is cut off, and may tell that as any failure of its own."""
        self._is_over = True
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        pause = self._pause
        while not self._is_over:
            is_done = await self._is_done()
            pause = self._pause if is_done else min(2 * pause, self._longest)
            if not self._is_over:
                await asyncio.sleep(pause)

    async def _is_done(self) -> bool:
        try:
            await self._work()
        except ServiceUnavailable:
            if not self._is_failing:
                log.warning(self._failing)
            self._is_failing = True
            return False
        except Exception:  # a bug of ours must not end it for good
            log.exception(self._failing)
            return False
        self._is_failing = False
        return True
