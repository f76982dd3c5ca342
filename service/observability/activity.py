"""Who is active and what happens, as operators ask for it (`service/now.py`): noted in passing, written now and then.

A check adds an id to a set and waits for nothing. What is noted is lost where a worker is killed, or cannot be written
because Redis is away or full: some seconds of it, and no request fails for that.
"""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from service.activity import CODES_SENT, CODES_USED, LOGINS, REFUSED, SHED, SMS, Moment
from service.entities import Clock
from service.errors import ServiceUnavailable
from service.events import TEST_CODE, Attempt, Details, Event
from service.runtime import deadline
from service.runtime.periodic import Periodic
from service.senders import failover
from service.stores.activity import ActivityStore

INTERVAL = 5.0  # seconds between two writes: what a worker that is killed takes with it
LONGEST_PAUSE = 40.0  # seconds between two tries, while Redis is away or full
PARTING = 1.0  # seconds that a stop waits for the last write

# How many codes each event has used; each is an event of the user's own, as workers record them.
USED = {Event.LOGIN: 1, Event.MOBILE_CHANGED: 2, Event.USER_ERASED: 1}

log = logging.getLogger(__name__)


class Taken(NamedTuple):
    """What was noted: ids of users, numbers by name, and what happened last by name."""

    users: Sequence[int]
    counts: Mapping[str, int]
    last: Mapping[str, Moment]


class Activity:
    """One per worker. `users` is the set of those who were active since the last `take`, to be added to."""

    def __init__(self, clock: Clock = time.time) -> None:
        self.users: set[int] = set()
        self._counts: Counter[str] = Counter()
        self._last: dict[str, Moment] = {}
        self._clock = clock

    def follow(self, event: Event | Attempt, details: Details) -> None:
        """Note one event."""
        if event in {Event.LOGIN, Event.REFRESH} and details.user_id:
            self.users.add(details.user_id)
        if event is Event.LOGIN:
            self._counts[LOGINS] += 1
        elif event is Event.LIMIT_HIT:
            self._counts[f"{REFUSED}{details.reason}"] += 1
        if details.reason != TEST_CODE:
            self._count_code(event)

    def note_shed(self) -> None:
        """Note a request or a connection that was refused before any work."""
        self._counts[SHED] += 1

    def note_sms(self, sender: str, outcome: str, reason: str) -> None:
        """Note what became of one message at one sender."""
        name = f"{SMS}{sender}:{outcome}"
        self._counts[name] += 1
        if outcome != failover.REFUSED:  # that is about the number, not about the sender
            self._last[name] = Moment(self._clock(), reason)

    def take(self) -> Taken:
        """What was noted since the last time."""
        taken = Taken(list(self.users), dict(self._counts), dict(self._last))
        for noted in (self.users, self._counts, self._last):
            noted.clear()
        return taken

    def _count_code(self, event: Event | Attempt) -> None:
        if event is Event.CODE_SENT:
            self._counts[CODES_SENT] += 1
        elif isinstance(event, Event) and event in USED:
            self._counts[CODES_USED] += USED[event]


class ActivityWriter:
    """Adds what this worker has noted to what all have."""

    def __init__(self, activity: Activity, store: ActivityStore, clock: Clock) -> None:
        self._activity = activity
        self._store = store
        self._clock = clock
        failing = "Redis does not take who is active and what happens: the figures of the console will lack it"
        self._writing = Periodic(self.flush, pause=INTERVAL, longest=LONGEST_PAUSE, failing=failing)

    def start(self) -> None:
        """Write from now on."""
        self._writing.start()

    async def stop(self) -> None:
        """Write what is left."""
        await self._writing.stop()
        try:
            await deadline.within(PARTING, self.flush())
        except ServiceUnavailable:
            log.warning("who was active last, and what happened, could not be written")

    async def flush(self) -> None:
        """Write what was noted. Raises ServiceUnavailable; it is lost then."""
        taken = self._activity.take()
        await self._store.add(*taken, self._clock())
