"""The audit trail in the database: queued by a follower of `Events`, written off every request's path, and swept.

What a killed process loses, and what is lost while the database is away, is told in docs/audit.md.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from service.audit_events import EventValues, NewEvent
from service.errors import ServiceUnavailable
from service.events import Attempt, Details, Event
from service.observability.logs import CLIENT_IP, REQUEST_ID
from service.observability.redaction import redact
from service.runtime.periodic import Periodic
from service.stores.event_rows import MOST
from service.stores.events import EventStore

INTERVAL = 0.5  # seconds between two writes: with the write itself, at most a second of events is lost by a kill
LONGEST_PAUSE = 8.0  # seconds between two tries, while the database is away
QUEUE_MAX = 10_000  # events that wait, some 10 MB; what is more stands in the log alone
FLOOD = 20  # events of each kind that anybody can cause by the thousand, in one INTERVAL
FLOODED = frozenset({Event.LIMIT_HIT.value, Event.LOGIN_REFUSED.value, Event.INTROSPECTION_REFUSED.value})
KINDS: dict[Event | Attempt, str] = {event: event.value for event in Event}  # `value` itself takes five times as long
# Whose own reason tells of what they are, and stands behind the one that was given.
TELLING = frozenset(
    {
        Event.REVOCATION_STARTED.value,
        Event.REVOCATION_ENDED.value,
        Event.OPERATOR_ADDED.value,
        Event.OPERATOR_REMOVED.value,
        Event.OPERATOR_LINKED.value,
        Event.KEY_ADDED.value,
        Event.KEY_REMOVED.value,
    }
)
SWEEP_INTERVAL = 600.0  # seconds between two sweeps, once there is nothing left to sweep

log = logging.getLogger(__name__)


class Lost(NamedTuple):
    """What is to be called with a number of events that were not kept, by the reason."""

    full: Callable[[int], None]
    flood: Callable[[int], None]
    failed: Callable[[int], None]


def ignore(_: float) -> None:
    """Nobody is interested."""


UNCOUNTED = Lost(ignore, ignore, ignore)


@lru_cache(maxsize=1024)  # most devices have the name of their model, and looking closely takes longer than the rest
def _shown(device: str) -> str:
    return redact(device)


def event_values(kind: str, details: Details) -> EventValues:
    """The values of a NewEvent of this kind, with the address and the id of the request that is served."""
    user_id, session_id, mobile, reason, device, name, remark = details
    ip, request_id = CLIENT_IP.get() or None, REQUEST_ID.get() or None
    if remark:
        reason = redact(f"{remark}; {reason}" if kind in TELLING else remark)
    device = _shown(device) if device else None
    return time.time(), kind, user_id, session_id, mobile, ip, device, name, reason, request_id


class AuditWriter:
    """One per worker, with a database connection of its own, and one per command of the operator.

    `days` are kept; 0 keeps none. `observe` is told how many events wait, and for how many seconds the oldest has.
    """

    def __init__(
        self,
        store: EventStore,
        days: int,
        observe: Callable[[int, float], None] = lambda *_: None,
        lost: Lost = UNCOUNTED,
    ) -> None:
        self._store = store
        self._days = days
        self._observe = observe
        self._lost = lost
        self._queue: deque[EventValues] = deque()
        self._flooded: Counter[str] = Counter()
        self._doubtful: list[EventValues] = []  # the first of the queue, which may have been written already
        self._sweeps_at = 0.0
        failing = "the database is away: events for the audit trail wait"
        self._writing = Periodic(self._write_and_sweep, pause=INTERVAL, longest=LONGEST_PAUSE, failing=failing)

    def follow(self, event: Event | Attempt, details: Details) -> None:
        """Queue one event. An attempt is none: its event tells more."""
        kind = KINDS.get(event)
        if kind is None or not self._days:
            return
        if len(self._queue) >= QUEUE_MAX:
            self._lost.full(1)
            return
        if kind in FLOODED:
            self._flooded[kind] += 1
            if self._flooded[kind] > FLOOD:
                self._lost.flood(1)
                return
        self._queue.append(event_values(kind, details))

    def start(self) -> None:
        """Write from now on, and sweep."""
        self._writing.start()

    async def stop(self) -> None:
        """Write what is left; what cannot be written now stands in the log alone."""
        await self._writing.stop()
        try:
            while self._queue:
                await self.flush()
        except ServiceUnavailable:
            log.warning("the database is away: not in the audit trail, but in this log: %d event(s)", len(self._queue))
            self._lost.failed(len(self._queue))
            self._queue.clear()
            self._doubtful = []

    async def flush(self) -> None:
        """Write what is queued by now. Raises ServiceUnavailable; what was not written stays queued.

        What comes meanwhile waits for the next time: a statement for each few of them would cost the logins more.
        """
        self._flooded.clear()
        left = len(self._queue)
        while left > 0:
            batch = self._doubtful or list(islice(self._queue, min(left, MOST)))
            await self._write(batch)
            for _ in batch:
                self._queue.popleft()
            left -= len(batch)

    async def _write(self, batch: list[EventValues]) -> None:
        """Write these, once: where the last try was cut off, it may have been committed all the same."""
        try:
            if self._doubtful and await self._store.has(NewEvent(*batch[0])):
                await self._store.scrub_written(batch)
            else:
                self._doubtful = batch
                await self._store.add(batch)
        except ServiceUnavailable:
            raise
        except Exception:  # a bug of ours must not keep all that comes after from being written
            log.exception("%d events could not be written to the audit trail", len(batch))
            self._lost.failed(len(batch))
        self._doubtful = []

    async def _write_and_sweep(self) -> None:
        try:
            await self.flush()
            await self._sweep()
        finally:
            self._observe(len(self._queue), time.time() - self._queue[0][0] if self._queue else 0.0)

    async def _sweep(self) -> None:
        """One small step; the next follows in INTERVAL where there is more to do."""
        if time.monotonic() < self._sweeps_at:
            return
        now = datetime.now(UTC)
        if await self._store.sweep(now - timedelta(days=self._days)) < MOST:
            await self._store.sweep_forgotten(now)
            self._sweeps_at = time.monotonic() + SWEEP_INTERVAL
