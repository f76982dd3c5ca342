"""Coalesces concurrent calls into batches: calls that arrive while a batch is in flight are sent as the next one.

A caller who comes when none is in flight waits for nobody. Each has a time limit of its own, and hears exactly one
answer: that to what it asked, or a failure. One that goes away, or whose time is up, is left out of what has not been
sent yet, and hinders nobody. Knows neither Redis nor SQL.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from copy import copy
from itertools import chain
from typing import Generic

from service.stores.pending_call import Answer, Item, PendingCall

GRAIN = 0.001  # seconds: uvloop tells the time no finer, and its timers go off up to half of this too early

log = logging.getLogger(__name__)


Batch = Sequence[PendingCall[Item, Answer]]


class Batcher(Generic[Item, Answer]):
    """One batch at a time. `flush` gets at most `most` at once and sees to it that each is answered or fails.

    It runs in a task of its own, in nobody's context; whoever it leaves without an answer fails. `limit` is the most
    seconds that a batch may take, 0 for any: then `flush` is cancelled and all that wait for it fail. With
    `waits_a_turn` a first batch goes one turn of the event loop later, so that what one caller asks for by several
    tasks goes together.
    """

    def __init__(
        self,
        flush: Callable[[Batch[Item, Answer]], Awaitable[None]],
        *,
        most: int,
        limit: float = 0,
        waits_a_turn: bool = False,
    ) -> None:
        self._flush = flush
        self._limit = limit
        self._has_given_up = False
        self._waits_a_turn = waits_a_turn
        self._most = most
        self._queue: list[PendingCall[Item, Answer]] = []
        self._batch: Batch[Item, Answer] = ()
        self._going: asyncio.Task[None] | None = None
        self._timer: asyncio.Handle | None = None
        self._limit_timer: asyncio.Handle | None = None
        self._wakes_at = math.inf  # when the timer goes off; uvloop does not tell it of all its timers
        self._is_closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """Kept, because asking for it is a system call until Python 3.12."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def submit(self, item: Item, seconds: float) -> "asyncio.Future[Answer]":
        """The answer, to be waited for. Raises TimeoutError after `seconds`, and whatever `flush` failed with."""
        loop = self._loop or self._running_loop
        future: asyncio.Future[Answer] = loop.create_future()
        if self._is_closed:
            future.set_exception(ConnectionAbortedError("closed"))
            return future
        until = loop.time() + seconds
        self._queue.append(PendingCall(item, future, until))
        if self._going is None:
            self._going = loop.create_task(self._go(), context=Context())
        if until < self._wakes_at:
            self._wake_at(until)
        return future

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way: whoever asks now waits for nobody."""
        return self._going is None

    def start_over(self) -> None:
        """Give the batch under way its whole limit again: what it has waited for until now was no answer."""
        if self._limit_timer:
            self._limit_timer.cancel()
        if self._limit:
            self._limit_timer = self._running_loop.call_later(self._limit, self._give_up)

    async def close(self) -> None:
        """Carry nothing more. Whoever still waits fails, and so does whoever asks from now on."""
        self._is_closed = True
        self._fail_all()  # here, too: a task that is cancelled before its first turn runs no `finally`
        if self._timer:
            self._timer.cancel()
        if self._going:
            self._going.cancel()
            await asyncio.wait({self._going})

    async def _go(self) -> None:
        try:
            if self._waits_a_turn:
                await asyncio.sleep(0)
            while self._queue:
                self._batch = self._next()
                if self._batch:
                    await self._flushed(self._batch)
                    self._batch = ()
        finally:
            self._going = None
            self._fail_all()

    def _fail_all(self) -> None:
        for asked in chain(self._batch, self._queue):
            asked.fail(ConnectionAbortedError("closed"))
        self._queue.clear()
        self._batch = ()

    def _next(self) -> list[PendingCall[Item, Answer]]:
        taken, self._queue = self._queue[: self._most], self._queue[self._most :]
        now = self._running_loop.time()
        for asked in taken:
            if asked.until <= now:  # the loop is late, and the timer with it
                asked.fail(TimeoutError())
        return [asked for asked in taken if not asked.future.done()]

    async def _flushed(self, batch: Batch[Item, Answer]) -> None:
        failure: Exception = RuntimeError("left without an answer")
        self.start_over()
        try:
            await self._flush(batch)
        except asyncio.CancelledError:
            if not self._has_given_up or self._going is None:
                raise
            self._has_given_up = False
            self._going.uncancel()
            failure = TimeoutError()
        except Exception as error:
            log.exception("a batch failed as a whole")
            failure = RuntimeError(str(error))
        finally:
            if self._limit_timer:
                self._limit_timer.cancel()
        for asked in batch:
            if not asked.future.done() and not asked.is_left:
                asked.fail(copy(failure))

    def _give_up(self) -> None:
        """The batch has taken too long. By hand: `asyncio.timeout` asks the system three times for each batch."""
        self._has_given_up = True
        if self._going:
            self._going.cancel()

    def _wake_at(self, until: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._wakes_at = until
        self._timer = self._running_loop.call_at(until, self._expire, context=Context())

    def _expire(self) -> None:
        """One timer for all who wait: most have long been answered when it goes off."""
        self._timer, self._wakes_at = None, math.inf
        now = self._running_loop.time() + GRAIN
        waiting = [asked for asked in chain(self._batch, self._queue) if not asked.future.done()]
        for asked in waiting:
            if asked.until <= now:
                asked.fail(TimeoutError())
        later = [asked.until for asked in waiting if asked.until > now]
        if later:
            self._wake_at(min(later))
