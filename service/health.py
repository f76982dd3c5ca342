"""Use case: say whether this process can do its work."""

from collections.abc import Awaitable, Callable, Mapping

from service.errors import ServiceUnavailable
from service.runtime import deadline
from service.runtime.background import settled

Probe = Callable[[], Awaitable[None]]


class Health:
    """Asks each store, all at once, each under a time limit in seconds."""

    def __init__(self, probes: Mapping[str, Probe], *, timeout: float) -> None:
        self._probes = dict(probes)
        self._timeout = timeout

    async def readiness(self) -> dict[str, bool]:
        """Which stores answer, by name."""
        answers = await settled(*(self._answers(probe) for probe in self._probes.values()))
        return dict(zip(self._probes, answers, strict=True))

    async def _answers(self, probe: Probe) -> bool:
        try:
            await deadline.within(self._timeout, probe())
        except ServiceUnavailable:
            return False
        return True
