"""Use case: say whether this process can do its work."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from service.errors import ServiceUnavailable

Probe = Callable[[], Awaitable[None]]


class Health:
    """Asks each store, all at once, each under a time limit in seconds."""

    def __init__(self, probes: Mapping[str, Probe], *, timeout: float) -> None:
        self._probes = dict(probes)
        self._timeout = timeout

    async def readiness(self) -> dict[str, bool]:
        """Which stores answer, by name."""
        answers = await asyncio.gather(*(self._answers(probe) for probe in self._probes.values()))
        return dict(zip(self._probes, answers, strict=True))

    async def _answers(self, probe: Probe) -> bool:
        try:
            async with asyncio.timeout(self._timeout):
                await probe()
        except (ServiceUnavailable, TimeoutError):
            return False
        return True
