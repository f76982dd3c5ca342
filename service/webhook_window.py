"""The events that a receiver is sent next, in order for each user: one is sent when the one before it is done. Pure."""

import heapq
from collections import deque

from service.webhooks import OutboxEvent


class Window:
    """So many events of one receiver at most, the oldest that wait. What is more stays in Redis.

    A user is in one of three: `_ready`, `_delayed`, or neither while the first of their events is under way.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._users: dict[str, deque[OutboxEvent]] = {}
        self._tries: dict[str, int] = {}  # of the first event of each, where it was tried
        self._ready: deque[str] = deque()
        self._delayed: list[tuple[float, str]] = []
        self.count = 0

    @property
    def room(self) -> int:
        """How many more it takes."""
        return self._size - self.count

    def add(self, event: OutboxEvent) -> None:
        """Put it behind all others of its user."""
        self.count += 1
        if event.user in self._users:
            self._users[event.user].append(event)
        else:
            self._users[event.user] = deque([event])
            self._ready.append(event.user)

    def next(self, now: float) -> OutboxEvent | None:
        """The event to send now, which is under way from now on; None where there is none."""
        while self._delayed and self._delayed[0][0] <= now:
            self._ready.append(heapq.heappop(self._delayed)[1])
        return self._users[self._ready.popleft()][0] if self._ready else None

    def tries(self, event: OutboxEvent) -> int:
        """How often it has failed since it came here."""
        return self._tries.get(event.user, 0)

    def failed(self, event: OutboxEvent, again_at: float) -> None:
        """It is due again then, and the others of its user wait for it."""
        heapq.heappush(self._delayed, (again_at, event.user))

    def count_try(self, event: OutboxEvent) -> int:
        """It has failed once more. How often that is now."""
        self._tries[event.user] = self.tries(event) + 1
        return self._tries[event.user]

    def done(self, event: OutboxEvent) -> None:
        """It was taken, or given up: the next one of its user is due."""
        events = self._users[event.user]
        events.popleft()
        self.count -= 1
        self._tries.pop(event.user, None)
        if events:
            self._ready.append(event.user)
        else:
            del self._users[event.user]

    def hasten(self) -> None:
        """Everything that waits for another try is due at once: the receiver is back."""
        self._ready.extend(user for _, user in sorted(self._delayed))
        self._delayed.clear()
