"""Use case: say whether this process can do its work."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from service.errors import ServiceUnavailable
from service.runtime import deadline
from service.runtime.background import settled


class Watched(NamedTuple):
    """A store: what asks it, and makes a sentence of why it does not serve."""

    probe: Callable[[], Awaitable[None]]
    why: Callable[[ServiceUnavailable], str]


class Health:
    """Asks each store, all at once, each under a time limit in seconds."""

    def __init__(self, stores: Mapping[str, Watched], *, timeout: float) -> None:
        self._stores = dict(stores)
        self._timeout = timeout

    async def readiness(self) -> dict[str, bool]:
        """Which stores answer, by name."""
        return {name: not why for name, why in (await self.outages()).items()}

    async def outages(self) -> dict[str, str]:
        """Why each store does not answer, by name; empty of one that does."""
        answers = await settled(*(self._outage(store) for store in self._stores.values()))
        return dict(zip(self._stores, answers, strict=True))

    async def _outage(self, store: Watched) -> str:
        try:
            await deadline.within(self._timeout, store.probe())
        except ServiceUnavailable as error:
            return store.why(error)
        return ""
