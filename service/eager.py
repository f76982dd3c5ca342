"""Coroutines that are run at once, up to where they first wait; a task would begin them a turn of the event loop later.

What Python 3.12 has as eager tasks, as far as a request needs it: what such a coroutine waits for must be a future, and
it must not ask for its task.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")


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
        future._asyncio_future_blocking = False  # noqa: SLF001 - how a future is told that somebody waits for it
        future.add_done_callback(self._go_on, context=self._context)
        self._waits_for = future

    def _end(self) -> None:
        self.is_done = True
        if self._then:
            self._then()


class Begun(Generic[Answer]):
    """Runs `work` up to where it first waits, and on when it is awaited, once. In its owner's context."""

    __slots__ = ("_answer", "_failure", "_waits_for", "_work")

    def __init__(self, work: Coroutine[Any, Any, Answer]) -> None:
        self._work = work
        self._failure: BaseException | None = None
        self._waits_for: asyncio.Future[Any] | None = None
        self._go_on()

    def cancel(self) -> None:
        """Nobody awaits it after all."""
        if self._waits_for is not None:
            self._waits_for.cancel()
            self._work.close()

    def __await__(self) -> Generator[Any, None, Answer]:
        while (future := self._waits_for) is not None:
            if not future.done():
                future._asyncio_future_blocking = True  # noqa: SLF001 - as above
                try:
                    yield future
                except BaseException as error:  # noqa: BLE001 - the owner was cancelled, and this with it
                    self._go_on(error)
                    continue
            self._go_on()
        if self._failure is not None:
            raise self._failure
        return self._answer

    def _go_on(self, error: BaseException | None = None) -> None:
        self._waits_for = None
        try:
            future = self._work.throw(error) if error else self._work.send(None)
        except StopIteration as end:
            self._answer: Answer = end.value
        except BaseException as failure:  # noqa: BLE001 - raised where it is awaited
            self._failure = failure
        else:
            future._asyncio_future_blocking = False  # noqa: SLF001 - as above
            self._waits_for = future
