"""Use case: say who is online, what has happened in the last hour, and what works. Each part tells if it is unknown."""

from collections import Counter
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import TypeVar

from service.activity import SMS, Estimate, Minute, Moment, Picture, SenderState
from service.entities import Clock
from service.errors import ServiceUnavailable
from service.health import Health
from service.runtime.background import settled
from service.senders.failover import FAILED, REFUSED, SENT
from service.stores.activity import ActivityStore
from service.stores.census import SessionCensus

Part = TypeVar("Part")


class Now:
    """The state of the service. `senders` are the names of those that are chosen, in turn."""

    def __init__(
        self, store: ActivityStore, census: SessionCensus, health: Health, senders: Sequence[str], clock: Clock
    ) -> None:
        self._store = store
        self._census = census
        self._health = health
        self._senders = senders
        self._clock = clock
        self._sessions: Estimate | None = None

    async def count_sessions(self) -> None:
        """Estimate the live sessions, for all that is asked until the next time. Raises ServiceUnavailable."""
        self._sessions = await self._census.estimate(self._clock())

    async def look(self) -> Picture:
        """How it is now. A store that is away is part of the picture."""
        stores, last = await settled(self._health.readiness(), _known(self._store.last()))
        if last is None:  # nor is the rest known: one line in the log is enough
            return Picture(None, self._sessions, None, stores, None)
        now = self._clock()
        active, minutes = await settled(_known(self._store.active(now)), _known(self._store.minutes(now)))
        senders = None if minutes is None else list(_senders(self._senders, minutes, last))
        return Picture(active, self._sessions, minutes, stores, senders)


async def _known(part: Awaitable[Part]) -> Part | None:
    try:
        return await part
    except ServiceUnavailable:
        return None


def _senders(names: Sequence[str], minutes: Sequence[Minute], last: Mapping[str, Moment]) -> Iterator[SenderState]:
    total: Counter[str] = Counter()
    for minute in minutes:
        total.update(minute.below(SMS))
    for name in names:
        sent, failed = (last.get(f"{SMS}{name}:{outcome}") for outcome in (SENT, FAILED))
        works = None if sent is failed is None else failed is None or (sent is not None and sent.at >= failed.at)
        counts = {outcome: total[f"{name}:{outcome}"] for outcome in (SENT, FAILED, REFUSED)}
        yield SenderState(name, works, **counts, last_sent=sent, last_failed=failed)
