"""A timer for a moment that moves on; setting one anew at every request would cost too much. asyncio alone."""

import asyncio
import time
from collections.abc import Callable


class LazyTimer:
    """Calls `late` once the moment that `due` tells has come, by `time.monotonic`. Between, it only looks again."""

    __slots__ = ("_due", "_handle", "_late", "_looks_at", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, due: Callable[[], float], late: Callable[[], None]) -> None:
        self._loop = loop
        self._due = due
        self._late = late
        self._handle: asyncio.TimerHandle | None = None
        self._looks_at = 0.0

    def watch(self, most: float) -> None:
        """The moment may come sooner than it was when this last looked. Look in `most` seconds at the latest."""
        now = time.monotonic()
        looks_at = min(self._due(), now + most)
        if self._handle and self._looks_at <= looks_at:
            return
        self.cancel()
        self._looks_at = looks_at
        self._handle = self._loop.call_later(max(0.0, looks_at - now), self._look, most)

    def cancel(self) -> None:
        """Look no more."""
        if self._handle:
            self._handle.cancel()
            self._handle = None

    def _look(self, most: float) -> None:
        self._handle = None
        if self._due() <= time.monotonic():
            self._late()
        else:
            self.watch(most)
