"""Use case: say who is online, what has happened in the last hour, and what works. Each part tells if it is unknown."""

from collections.abc import Awaitable, Sequence
from typing import TypeVar

from service.activity import Estimate
from service.entities import Clock
from service.errors import ServiceUnavailable
from service.health import Health
from service.message_figures import MessageFigures, sender_states
from service.pictures import Picture
from service.runtime.background import settled
from service.stores.activity import ActivityStore
from service.stores.census import SessionCensus

FEW = 5  # prefixes that are told one by one

Part = TypeVar("Part")


class Now:
    """The state of the service. `senders` are the names of those that are chosen, in turn."""

    def __init__(
        self,
        store: ActivityStore,
        census: SessionCensus,
        health: Health,
        figures: MessageFigures,
        senders: Sequence[str],
        clock: Clock,
    ) -> None:
        self._store = store
        self._census = census
        self._health = health
        self._figures = figures
        self._senders = senders
        self._clock = clock
        self._sessions: Estimate | None = None

    async def count_sessions(self) -> None:
        """Estimate the live sessions, for all that is asked until the next time. Raises ServiceUnavailable."""
        self._sessions = await self._census.estimate(self._clock())

    async def look(self) -> Picture:
        """How it is now. A store that is away is part of the picture."""
        stores, last = await settled(self._health.outages(), _known(self._store.last()))
        if last is None:  # nor is the rest known: one line in the log is enough
            return Picture(None, self._sessions, None, stores, None, None)
        now = self._clock()
        active, minutes, codes = await settled(
            _known(self._store.active(now)), _known(self._store.minutes(now)), _known(self._figures.codes(FEW))
        )
        senders = None if minutes is None else list(sender_states(self._senders, minutes, last))
        return Picture(active, self._sessions, minutes, stores, senders, codes)


async def _known(part: Awaitable[Part]) -> Part | None:
    try:
        return await part
    except ServiceUnavailable:
        return None
