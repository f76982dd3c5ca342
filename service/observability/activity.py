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
from service.message_counts import SMS_SECONDS, CodeCounts, step_of
from service.runtime import deadline
from service.runtime.periodic import Periodic
from service.senders import failover
from service.stores.activity import ActivityStore
from service.stores.message_figures import MessageFigureStore

INTERVAL = 5.0  # seconds between two writes: what a worker that is killed takes with it
LONGEST_PAUSE = 40.0  # seconds between two tries, while Redis is away or full
PARTING = 1.0  # seconds that a stop waits for the last write

# How many codes each event has used; each is an event of the user's own, as workers record them.
USED = {Event.LOGIN: 1, Event.MOBILE_CHANGED: 2, Event.USER_ERASED: 1}

log = logging.getLogger(__name__)


class Taken(NamedTuple):
    """What was noted: ids of users, numbers by name, what happened last by name, and codes by prefix."""

    users: Sequence[int]
    counts: Mapping[str, int]
    last: Mapping[str, Moment]
    codes: Mapping[str, CodeCounts]


class Activity:
    """One per worker. `users` is the set of those who were active since the last `take`, to be added to."""

    def __init__(self, clock: Clock = time.time) -> None:
        self.users: set[int] = set()
        self._counts: Counter[str] = Counter()
        self._last: dict[str, Moment] = {}
        self._codes: Counter[tuple[str, str]] = Counter()
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

    def note_code(self, prefix: str, what: str) -> None:
        """Note what becomes of one code to a number that begins so: a field of CodeCounts."""
        self._codes[prefix, what] += 1

    def note_sms(self, sender: str, outcome: str, seconds: float, reason: str) -> None:
        """Note what became of one message at one sender."""
        name = f"{SMS}{sender}:{outcome}"
        self._counts[name] += 1
        self._counts[f"{SMS_SECONDS}{sender}:{step_of(seconds):g}"] += 1
        if outcome != failover.REFUSED:  # that is about the number, not about the sender
            self._last[name] = Moment(self._clock(), reason)

    def take(self) -> Taken:
        """What was noted since the last time."""
        taken = Taken(list(self.users), dict(self._counts), dict(self._last), self._by_prefix())
        for noted in (self.users, self._counts, self._last, self._codes):
            noted.clear()
        return taken

    def _by_prefix(self) -> dict[str, CodeCounts]:
        prefixes = {prefix for prefix, _ in self._codes}
        return {prefix: CodeCounts(*(self._codes[prefix, what] for what in CodeCounts._fields)) for prefix in prefixes}

    def _count_code(self, event: Event | Attempt) -> None:
        if event is Event.CODE_SENT:
            self._counts[CODES_SENT] += 1
        elif isinstance(event, Event) and event in USED:
            self._counts[CODES_USED] += USED[event]


class ActivityWriter:
    """Adds what this worker has noted to what all have."""

    def __init__(self, activity: Activity, store: ActivityStore, figures: MessageFigureStore, clock: Clock) -> None:
        self._activity = activity
        self._store = store
        self._figures = figures
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
        users, counts, last, codes = self._activity.take()
        now = self._clock()
        await self._store.add(users, counts, last, now)
        await self._figures.add(counts, codes, now)
