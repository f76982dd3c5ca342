"""Work that takes its time, so that what is waited for gets its turn. Knows nothing but the clock."""

import asyncio

LATE = 1.0  # seconds that are made up for; more would come as a burst


class Pace:
    """Lets no more than `rate` things be done in a second."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._due = 0.0

    async def keep(self, done: int) -> None:
        """So many are done: let all else have its turn, and wait until the next are due."""
        now = asyncio.get_running_loop().time()
        self._due = max(self._due + done / self._rate, now - LATE)
        await asyncio.sleep(max(0.0, self._due - now))
