"""Work that goes on though a store is away for a while, for what no request waits for."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from service.errors import ServiceUnavailable
from service.runtime import deadline

PAUSE = 0.5  # seconds before the next try
TRIES = 5  # to get through without a store that went away

Answer = TypeVar("Answer")


class Patience:
    """Lasts for so many seconds without a step. `heed` is called between two tries, and may raise to end it."""

    def __init__(self, seconds: float, heed: Callable[[], None]) -> None:
        self._seconds = seconds
        self._heed = heed
        self._was_away = False
        self._away_since: float | None = None

    def renew(self) -> None:
        """There was a step."""
        self._away_since = None

    async def until_undisturbed(self, go_through: Callable[[], Awaitable[None]]) -> None:
        """Once more where a store was away meanwhile: another may have taken its place, which knows less.

        Raises ServiceUnavailable.
        """
        for _ in range(TRIES):
            self._was_away = False
            await self.lend(go_through)
            if not self._was_away:
                return
        raise ServiceUnavailable

    async def lend(self, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """What `work` returns, tried again and again while this lasts. Raises ServiceUnavailable."""
        while True:
            try:
                return await work()
            except ServiceUnavailable:
                self._was_away = True
                now = time.monotonic()
                self._away_since = self._away_since or now
                if now - self._away_since > self._seconds:
                    raise
                self._heed()
                await deadline.sleep(PAUSE)
