"""Values: who is online, what has happened in the last hour, what works. Times are seconds since the epoch, UTC."""

from collections.abc import Mapping
from typing import NamedTuple

# The names of what is counted. After the last two stand that of a limit; those of a sender and an outcome.
LOGINS, CODES_SENT, CODES_USED, SHED = "logins", "codes_sent", "codes_used", "shed"
REFUSED, SMS = "refused:", "sms:"


class Active(NamedTuple):
    """How many people were active. The time that is counted begins with a whole minute, that of a day with an hour."""

    last_5_minutes: int
    last_hour: int
    last_day: int


class Estimate(NamedTuple):
    """So many live sessions, give or take the standard error, at that moment."""

    live: int
    standard_error: int
    at: float


class Minute(NamedTuple):
    """How often what happened within one minute that began at that moment, by name."""

    at: int
    counts: Mapping[str, int]

    def of(self, name: str) -> int:
        """How often this happened."""
        return self.counts.get(name, 0)

    def below(self, prefix: str) -> dict[str, int]:
        """How often each happened whose name begins so, by the rest of the name."""
        return {name.removeprefix(prefix): times for name, times in self.counts.items() if name.startswith(prefix)}


class Moment(NamedTuple):
    """When something happened last, and a word on it."""

    at: float
    word: str


class SenderState(NamedTuple):
    """What became of a sender's messages in the last hour, and when it last took one and last did not, and why.

    `works` tells which of the two was later; None where neither is known.
    """

    name: str
    works: bool | None
    sent: int
    failed: int
    refused: int
    last_sent: Moment | None
    last_failed: Moment | None
