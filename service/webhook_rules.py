"""When a webhook is tried again, when it is given up, and when a receiver is left alone for a while. Pure.

A receiver that fails for several people in a row is down, whoever they are: it is paused, and then tried with one event
at a time (a circuit breaker, half open), so that its backlog costs nothing and is not burnt through.
"""

from service.webhooks import Attempt

GIVE_UP_AFTER = 86_400.0  # seconds that an event is tried for
FIRST_WAIT, LONGEST_WAIT = 2.0, 3_600.0  # seconds before the second try, doubled from try to try
JITTER = 0.5  # part of a wait that is drawn, so that those who failed together are not tried together
PEOPLE = 5  # for whom it must fail, with no success between, to be taken for down
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds
GONE, GONE_PAUSE = 410, 3_600.0  # Standard Webhooks: it wants no more; seconds until it is asked whether it still does
AT_ONCE = 50  # attempts under way at one receiver: 200 events a second at 100 ms are 20


def wait_after(tries: int, drawn: float) -> float:
    """Seconds until the next try after so many failed ones; `drawn` is between 0 and 1."""
    longest = min(FIRST_WAIT * 2.0 ** min(tries - 1, 32), LONGEST_WAIT)
    return longest * (1 - JITTER * drawn)


class Breaker:
    """Whether a receiver may be sent anything now. Moments are of any clock that never goes back, in seconds."""

    def __init__(self) -> None:
        self._failed: set[str] = set()
        self._pause = 0.0
        self._until = 0.0

    @property
    def is_closed(self) -> bool:
        """Whether the receiver is taken for well."""
        return not self._pause

    def at_once(self, now: float) -> int:
        """How many attempts may be under way now."""
        if now < self._until:
            return 0
        return AT_ONCE if self.is_closed else 1

    def left(self, now: float) -> float:
        """Seconds that it is still paused for."""
        return max(0.0, self._until - now)

    def succeeded(self) -> bool:
        """An event was taken. Whether the receiver was taken for down until now."""
        was_down = not self.is_closed
        self._failed.clear()
        self._pause = self._until = 0.0
        return was_down

    def failed(self, user: str, attempt: Attempt, now: float) -> None:
        """An event of this user was not taken."""
        if attempt.status == GONE:
            self._pause = self._pause or FIRST_PAUSE
            self._until = now + GONE_PAUSE
            return
        self._failed.add(user)
        if self.is_closed and len(self._failed) < PEOPLE and attempt.retry_after is None:
            return
        if now >= self._until:  # not by what was under way when it was paused
            self._pause = min(2 * self._pause or FIRST_PAUSE, LONGEST_PAUSE)
            self._until = now + self._pause
        self._until = max(self._until, now + (attempt.retry_after or 0.0))
