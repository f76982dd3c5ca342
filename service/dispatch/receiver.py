"""What is sent to one receiver: in order for each user, some at once, again where it failed, none while it is down.

Held in memory is the window alone; what waits beyond it stays in Redis. Nothing here waits for another receiver.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from service.dispatch.watch import Watch
from service.entities import Clock
from service.errors import ServiceUnavailable
from service.senders.events import EventSender
from service.stores.dead_letters import DeadLetterStore
from service.stores.deliveries import NEW, Batch, DeliveryStore, NotHeldError
from service.webhook_rules import GIVE_UP_AFTER, Breaker, wait_after
from service.webhook_window import Window
from service.webhooks import Attempt, OutboxEvent, Receiver, ReceiverState

WINDOW = 2_000  # events held in memory; where as many wait for another try, nobody else's are read
AT_MOST = 500  # entries read in one step
START = "0"  # before all that is pending
SHORT, LONG = 0.02, 0.25  # seconds between two looks for new entries: while there are some, and while there are none
NEWCOMER = 60.0  # seconds before its first reading from which on a new receiver is sent what there is

Dead = tuple[OutboxEvent, int, str]  # how often it was tried, and what became of the last try

log = logging.getLogger(__name__)


class Stores(NamedTuple):
    """What is read and written."""

    deliveries: DeliveryStore
    letters: DeadLetterStore


class Delivery:
    """That of one receiver, under one lease: the token that proves it to the stores, and whether it still holds."""

    def __init__(
        self,
        receiver: Receiver,
        sender: EventSender,
        stores: Stores,
        lease: tuple[str, Callable[[], bool]],
        watch: Watch,
        clock: Clock,
    ) -> None:
        self.receiver = receiver
        self.noted = ReceiverState()  # how it has fared; a pause is not among it
        self._sender = sender
        self._stores = stores
        self._token, self._is_held = lease
        self._watch, self._clock = watch, clock
        self._breaker = Breaker()
        self._window = Window(WINDOW)
        self._under_way: set[asyncio.Task[None]] = set()
        self._place = START  # of the entry that was read last
        self._is_behind = True  # entries after that may be pending
        self._done: list[str] = []
        self._dead: list[Dead] = []
        self._settling = asyncio.Lock()
        self._is_stopping = False

    async def run(self) -> None:
        """Send until stopped. Raises NotHeldError where another dispatcher holds the lease."""
        pause = SHORT
        try:
            while not self._is_stopping:
                found = await self._step()
                pause = SHORT if found or self._under_way else min(2 * pause, LONG)
                await asyncio.sleep(pause)
            while self._under_way:  # as long as `stop` gives it, which is ended by a cancellation
                await asyncio.wait(self._under_way)
        finally:
            for task in self._under_way:
                task.cancel()

    async def stop(self, seconds: float) -> None:
        """Begin nothing any more, and let what is under way end in so many seconds: the rest is sent again later."""
        self._is_stopping = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)
        with suppress(ServiceUnavailable, NotHeldError):
            await self._settle()

    @property
    def state(self) -> ReceiverState:
        """How the receiver fares."""
        left = self._breaker.left(_now())
        return self.noted._replace(paused_until=self._clock() + left if left else None)

    async def _step(self) -> int:
        """Tell Redis what is done, read on, send. Returns how many events were read."""
        found = 0
        with suppress(ServiceUnavailable):  # the connection has said so
            await self._settle()
            found = await self._read()
            self._watch.looked(self.receiver.name)
        self._send()
        return found

    async def _settle(self) -> None:
        """Tell Redis what is done and what is given up. What cannot be told now is told the next time."""
        async with self._settling:  # whoever stops waits for what is being told
            done, self._done = self._done, []
            try:
                if done:
                    await self._stores.deliveries.done(self.receiver.key, done)
                done = []
                while self._dead:
                    await self._bury(self._dead.pop())
            finally:
                self._done += done

    async def _bury(self, dead: Dead) -> None:
        try:
            dropped = await self._stores.letters.bury(self._token, self.receiver.key, *dead)
        except BaseException:
            self._dead.append(dead)
            raise
        self._watch.given_up(self.receiver.name)
        self._watch.lost(self.receiver.name, dropped)

    async def _read(self) -> int:
        most = min(self._window.room, AT_MOST)
        if not most:
            return 0
        batch = await self._batch(most)
        for event in batch.events:
            self._window.add(event)
        self._done += [*batch.others, *batch.gone]
        self._watch.lost(self.receiver.name, batch.lost + len(batch.gone))
        return len(batch.events)

    async def _batch(self, most: int) -> Batch:
        """What is pending, left by the last dispatcher or by a reading whose answer was lost; then what is new."""
        after, since = self._place if self._is_behind else NEW, self._clock() - NEWCOMER
        self._is_behind = True
        batch = await self._stores.deliveries.read(self._token, self.receiver.key, after, most, since)
        self._is_behind = after != NEW and bool(batch.last)
        self._place = batch.last or self._place
        return batch

    def _send(self) -> None:
        """Begin as many attempts as there may be."""
        while not self._is_stopping and len(self._under_way) < self._breaker.at_once(_now()):
            event = self._window.next(_now()) if self._is_held() else None
            if event is None:
                return
            task = asyncio.create_task(self._attempt(event))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            self._send()

    async def _attempt(self, event: OutboxEvent) -> None:
        try:
            attempt = await self._sender.post(event)
        except Exception:  # a bug of ours must not stop what is behind it
            log.exception("sending an event has failed")
            attempt = Attempt(None, "internal error")
        self._watch.attempted(self.receiver.name, attempt)
        if attempt.is_taken:
            self._taken(event)
        else:
            self._refused(event, attempt)

    def _taken(self, event: OutboxEvent) -> None:
        self.noted = self.noted._replace(last_success_at=self._clock())
        self._window.done(event)
        self._done.append(event.place)
        if self._breaker.succeeded():
            log.warning("the webhook receiver %s takes events again", self.receiver.name)
            self._window.hasten()

    def _refused(self, event: OutboxEvent, attempt: Attempt) -> None:
        was_closed = self._breaker.is_closed
        self.noted = self.noted._replace(last_failure_at=self._clock(), last_failure=attempt.words)
        self._breaker.failed(event.user, attempt, _now())
        if was_closed and not self._breaker.is_closed:
            log.warning("the webhook receiver %s is paused: %s", self.receiver.name, attempt.words)
        tries = self._window.count_try(event)
        if self._clock() - event.written_at < GIVE_UP_AFTER:
            self._window.failed(event, _now() + wait_after(tries, random.random()))  # noqa: S311 - no secret
            return
        self._window.done(event)
        self._dead.append((event, tries, attempt.words))


def _now() -> float:
    """Of a clock that never goes back."""
    return asyncio.get_running_loop().time()
