"""One dispatcher at a time, by a lease in Redis: whichever worker holds it sends to every receiver.

A worker that is killed, or loses sight of Redis, has the lease run out, and another one takes it.
"""

import asyncio
import logging
import secrets
import time

from config import Settings
from service.dispatch.receiver import Delivery, Stores
from service.dispatch.watch import Watch
from service.entities import Clock
from service.errors import ServiceUnavailable
from service.runtime.background import settled
from service.senders.events import EventSender
from service.senders.signer import Signer
from service.stores.dead_letters import DeadLetterStore
from service.stores.deliveries import DeliveryStore, NotHeldError
from service.stores.redis.connection import Connection
from service.webhook_addresses import Allowed
from service.webhooks import ReceiverState, receivers_of

LIFE = 5.0  # seconds that the lease lasts without being renewed
PAUSE = 1.0  # seconds between two renewals, and between two looks of whoever has it not
GRACE = 2.0  # seconds that attempts under way get when the worker stops

log = logging.getLogger(__name__)


class Dispatcher:
    """One per worker, where WEBHOOK_URLS is set."""

    def __init__(self, settings: Settings, stores: Stores, watch: Watch, clock: Clock) -> None:
        signer, allowed = Signer(settings.webhook_keys), Allowed(settings.webhook_allow)
        self._receivers = receivers_of(settings.webhook_urls)
        self._senders = [EventSender(one.url, signer, allowed) for one in self._receivers]
        self._stores = stores
        self._watch = watch
        self._clock = clock
        self._token = ""
        self._held_until = 0.0
        self._deliveries: list[Delivery] = []
        self._task: asyncio.Task[None] | None = None
        self._is_away = False

    def start(self) -> None:
        """From now on this worker is ready to send."""
        for receiver in self._receivers:
            self._watch.expect(receiver.name)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Let what is under way end, and leave the rest to another worker."""
        await settled(*(delivery.stop(GRACE) for delivery in self._deliveries))
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})
        await settled(*(sender.close() for sender in self._senders))
        if self._is_held():
            try:
                await self._stores.deliveries.release(self._token)
            except ServiceUnavailable:
                log.warning("the lease of the webhooks could not be given up; it runs out")
            self._held_until = 0.0

    async def _run(self) -> None:
        while True:
            self._token = secrets.token_hex(8)  # another one each time: what was read under the last is read anew
            try:
                if await self._hold():
                    await self._lead()
            except NotHeldError:
                log.warning("another worker sends webhooks now")
            except ServiceUnavailable:
                self._away()
            except Exception:  # a bug of ours must not end it for good
                log.exception("sending webhooks has failed; it is begun anew")
            await asyncio.sleep(PAUSE)

    def _is_held(self) -> bool:
        return time.monotonic() < self._held_until

    async def _hold(self) -> bool:
        """Take or renew the lease. Whether it is this worker's, as far as is known."""
        asked_at = time.monotonic()
        try:
            is_held = await self._stores.deliveries.hold(self._token, LIFE)
        except ServiceUnavailable:
            self._away()
            return self._is_held()
        self._is_away = False
        self._held_until = asked_at + LIFE if is_held else 0.0
        return is_held

    def _away(self) -> None:
        """Say so once, until Redis is asked with success."""
        if not self._is_away:
            log.warning("redis is away: webhooks wait")
        self._is_away = True

    async def _lead(self) -> None:
        """Send until the lease is lost. Raises NotHeldError then, ServiceUnavailable where nothing is begun."""
        lease = self._token, self._is_held
        known = await self._stores.deliveries.states()
        self._deliveries = [
            Delivery(receiver, sender, self._stores, lease, self._watch, self._clock)
            for receiver, sender in zip(self._receivers, self._senders, strict=True)
        ]
        for delivery in self._deliveries:
            delivery.noted = known.get(delivery.receiver.key, ReceiverState())
        work = [asyncio.create_task(one) for one in (self._keep(), *(each.run() for each in self._deliveries))]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in work:
                task.cancel()
            await asyncio.wait(work)
            self._deliveries = []
            self._tell_nothing()

    async def _keep(self) -> None:
        """Renew the lease, and tell how the receivers fare. Raises NotHeldError once it is lost."""
        while await self._hold():
            try:
                await self._tell()
            except ServiceUnavailable:
                self._away()
            await asyncio.sleep(PAUSE)
        raise NotHeldError

    async def _tell(self) -> None:
        store = self._stores.deliveries
        await store.note({one.receiver.key: one.state for one in self._deliveries})
        backlogs = await store.backlogs([one.key for one in self._receivers])
        for receiver, backlog in zip(self._receivers, backlogs, strict=True):
            self._watch.waiting(receiver.name, backlog.waiting, backlog.oldest_at)

    def _tell_nothing(self) -> None:
        """Whoever sends from now on tells it."""
        for receiver in self._receivers:
            self._watch.waiting(receiver.name, 0, None)


def dispatcher_of(settings: Settings, connection: Connection, watch: Watch, clock: Clock) -> Dispatcher | None:
    """The dispatcher of a worker; None where WEBHOOK_URLS is empty."""
    if not settings.webhook_urls:
        return None
    return Dispatcher(settings, Stores(DeliveryStore(connection), DeadLetterStore(connection)), watch, clock)
