"""A coroutine that is run at once, up to where it first waits; a task would begin it a turn of the event loop later.

What Python 3.12 has as eager tasks, as far as a request needs it: what it waits for must be a future, and it must not
ask for its task.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any


class Eager:
    """Runs `work` to its end, in a context of its own. It must see to its exceptions itself."""

    __slots__ = ("_context", "_then", "_waits_for", "_work", "is_done")

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self._context = copy_context()
        self._waits_for: asyncio.Future[Any] | None = None
        self._then: Callable[[], None] | None = None
        self.is_done = False
        self._context.run(self._go_on)

    def when_done(self, then: Callable[[], None]) -> None:
        """Call this when it has come to its end, which is still to come."""
        self._then = then

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
            self._end()
            return
        except BaseException:  # what it waited for was cancelled
            self._end()
            raise
        future._asyncio_future_blocking = False  # noqa: SLF001 - how a future learns that somebody waits for it
        future.add_done_callback(self._go_on, context=self._context)
        self._waits_for = future

    def _end(self) -> None:
        self.is_done = True
        if self._then:
            self._then()
