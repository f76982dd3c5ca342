"""Runs a coroutine at once, up to where it first waits; a task would begin it one turn of the event loop later.

What Python 3.12 has as eager tasks, as far as a token check needs it: what the coroutine waits for must be a future.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any


class Eager:
    """Runs `work` in a context of its own. It must see to its exceptions itself, and must not ask for its task."""

    __slots__ = ("_context", "_waits_for", "_work", "is_done")

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self._context = copy_context()
        self._waits_for: asyncio.Future[Any] | None = None
        self.is_done = False
        self._context.run(self._go_on)

    def cancel(self) -> None:
        """End it where it waits, and have nobody work for it."""
        if self._waits_for is not None and not self.is_done:
            self.is_done = True
            self._waits_for.remove_done_callback(self._go_on)
            self._waits_for.cancel()
            self._context.run(self._work.close)

    def _go_on(self, _ready: object = None) -> None:
        try:
            future = self._work.send(None)
        except StopIteration:
            self.is_done = True
            return
        future._asyncio_future_blocking = False  # noqa: SLF001 - how a future is told that somebody waits for it
        future.add_done_callback(self._go_on, context=self._context)
        self._waits_for = future
