"""How much one worker takes on at once, and whether it still takes anything on. Knows no HTTP.

A server that queues without end answers everybody too late, so the requests in flight are bounded and what is more is
refused at once. Each class of requests has a bound of its own, by what it waits for: a provider that hangs fills up the
slots of those who ask for a code alone. Refreshes are the last to be refused: many apps log out when one fails.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from enum import Enum

QUIET = 10.0  # seconds between two lines in the log about refusals
AT_ONCE = 64  # refusals in one round of the event loop, so that those who are let in are served meanwhile
PAUSE = 0.02  # seconds between two looks at whether all is done
DRAIN_GRACE = 1.0  # seconds that a stopping server waits for answers to leave, once all are given

log = logging.getLogger(__name__)


class RequestClass(Enum):
    """What requests wait for."""

    CODES = "codes"  # an SMS provider, perhaps a captcha's
    DATABASE = "database"
    SESSIONS = "sessions"  # Redis alone
    REFRESHES = "refreshes"

    __hash__ = object.__hash__  # an Enum's own is Python code, and each request looks its class up three times


STOPPING, CONNECTIONS = "stopping", "connections"
REASONS = (*(kind.value for kind in RequestClass), STOPPING, CONNECTIONS)


class AdmissionController:
    """The requests in flight, by class. `orphaned` returns how much work goes on though its client has gone."""

    def __init__(self, limit: int, orphaned: Callable[[], int], observe: Callable[[str], None]) -> None:
        self.stopping = False
        self._limit = limit
        self._orphaned = orphaned
        self._observe = observe
        self._held = dict.fromkeys(RequestClass, 0)
        self._total = 0
        self._waiting: deque[Callable[[], None]] = deque()
        self._refused = 0
        self._warned_at = -QUIET

    @property
    def in_flight(self) -> int:
        """How many slots are taken now, of all classes."""
        return self._total

    @property
    def waiting(self) -> int:
        """How many wait to be refused."""
        return len(self._waiting)

    def acquire(self, kind: RequestClass) -> bool:
        """Acquire a slot. False, and counted as shed, if the limit is reached.

        Refreshes are taken on while the server stops, on the connections that are still there, and however much goes on
        for those who have gone.
        """
        if kind is not RequestClass.REFRESHES:
            if self.stopping:
                return self.refuse(STOPPING)
            if self._orphaned() >= self._limit:
                return self.refuse(kind.value)
        if self._held[kind] >= self._limit:
            return self.refuse(kind.value)
        self._held[kind] += 1
        self._total += 1
        return True

    def release(self, kind: RequestClass) -> None:
        """The request is answered, or its client has gone."""
        self._held[kind] -= 1
        self._total -= 1

    def refuse(self, reason: str) -> bool:
        """Count one refusal, and say so now and then: a line for each would be a load of its own. Returns False."""
        self._observe(reason)
        self._refused += 1
        now = asyncio.get_running_loop().time()
        if not self.stopping and now - self._warned_at >= QUIET:
            log.warning("overloaded (%s): %d requests refused", reason, self._refused)
            self._warned_at, self._refused = now, 0
        return False

    def when_there_is_time(self, reject: Callable[[], None]) -> None:
        """Call it soon: a few of these in each round of the event loop."""
        self._waiting.append(reject)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._reject_some)

    def _reject_some(self) -> None:
        for _ in range(min(AT_ONCE, len(self._waiting))):
            self._waiting.popleft()()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._reject_some)

    async def drain(self, seconds: float) -> float:
        """Take nothing on any more and wait until all in flight is answered, `seconds` at most; the seconds left."""
        self.stopping = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        # An event would cost something at every request, and is needed once.
        while (self._total or self._waiting or self._orphaned()) and loop.time() < deadline:  # noqa: ASYNC110 - too many to tell
            await asyncio.sleep(PAUSE)
        return max(0.0, deadline - loop.time())
