"""Ratios of neighbouring rounds, and what several of them say together. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.generator import Outcome

Rounds = Sequence[Outcome | None]  # None: a round that was not sound


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the report: the median, and the least and the greatest that it was found to be."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)


def rate(outcome: Outcome) -> float:
    """Answers a second."""
    return outcome.rate


def p99(outcome: Outcome) -> float:
    """Seconds that one answer of a hundred takes longer than."""
    return outcome.p99


def efficiency(outcome: Outcome) -> float:
    """Answers for each second of the server's processor time."""
    return outcome.answered / max(outcome.processor, 0.01)


def busy(rounds: Rounds) -> Figure | None:
    """The part of the time that the server's processes were at work: 1 is one core."""
    values = [outcome.processor / outcome.seconds for outcome in rounds if outcome]
    return Figure(tuple(values)) if values else None


def ratio(of: Rounds, to: Rounds, what: Callable[[Outcome], float] = rate) -> Figure | None:
    """Round by round one by the other; None where no round of both was sound."""
    values = [what(one) / what(other) for one, other in zip(of, to, strict=False) if one and other]
    return Figure(tuple(values)) if values else None
