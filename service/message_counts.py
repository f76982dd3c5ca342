"""Values: what became of messages by sender, and of codes by the first digits of their numbers. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

ASKED, SENT, USED = "asked", "sent", "used"  # of a code; what is asked for may be refused
SMS_SECONDS = "sms_seconds:"  # before a sender's name and a step, in the name of what is counted (`activity.py`)
# Up to how many seconds a sender took: a try takes no more than SMS_TIMEOUT, of 60 at most.
STEPS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0)


class CodeCounts(NamedTuple):
    """How many codes were asked for, sent and used."""

    asked: int = 0
    sent: int = 0
    used: int = 0

    def plus(self, other: "CodeCounts") -> "CodeCounts":
        """Both together."""
        return CodeCounts(self.asked + other.asked, self.sent + other.sent, self.used + other.used)

    @property
    def unused(self) -> int:
        """How many of those that were sent were not used."""
        return max(0, self.sent - self.used)


class CodeTable(NamedTuple):
    """Codes by prefix within some time, and those of all prefixes that were too many to keep."""

    prefixes: Mapping[str, CodeCounts]
    rest: CodeCounts

    @property
    def total(self) -> CodeCounts:
        """All of them."""
        return total([*self.prefixes.values(), self.rest])


class Tries(NamedTuple):
    """What became of a sender's messages within some time, and by step of STEPS how many took no longer than that."""

    sent: int
    failed: int
    refused: int
    by_step: Mapping[float, int]

    @property
    def asked(self) -> int:
        """How often the sender was asked."""
        return self.sent + self.failed + self.refused

    def within(self, part: float) -> float | None:
        """The step of STEPS in seconds within which this part of the tries was over; None where there were none."""
        reached, wanted = 0, part * sum(self.by_step.values())
        for step in sorted(self.by_step):
            reached += self.by_step[step]
            if reached and reached >= wanted:
                return step
        return None


def step_of(seconds: float) -> float:
    """The step of STEPS that this is counted under."""
    return next((step for step in STEPS if seconds <= step), STEPS[-1])


def total(counts: Sequence[CodeCounts]) -> CodeCounts:
    """All together."""
    return CodeCounts(*map(sum, zip(*counts, strict=True))) if counts else CodeCounts()
