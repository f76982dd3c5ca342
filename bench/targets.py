"""What is promised, and whether a run has found it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench import findings as f
from bench.figures import Figure
from bench.findings import Findings


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on one figure, from below or from above."""

    text: str
    figure: str
    bound: float
    at_least: bool = True
    unit: str = ""
    places: int = 2

    @property
    def wanted(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}{self.unit}"

    def is_met(self, figure: Figure) -> bool:
        """By the figure as it is, not as it is printed."""
        return figure.middle >= self.bound if self.at_least else figure.middle <= self.bound


CHECKS = (
    Target("check, 64 connections", f.check(f.LATCH, 64), 0.80),
    Target("check, 256 connections", f.check(f.LATCH, 256), 0.80),
    Target("check, 1 connection", f.check(f.LATCH, 1), 0.40),
    Target(
        "99th percentile of a check at 64 connections, in the bare handler's", f.slowest(f.LATCH), 3, at_least=False
    ),
    Target("check, in checks of Sanic + PyJWT", f.STATELESS, 2),
)
LOGINS = (
    Target("login on SQLite, 64 connections", f.login(f.LATCH_SQLITE), 0.20),
    Target("login on PostgreSQL, 64 connections", f.login(f.LATCH_POSTGRES), 0.20),
)
STARTS = (
    Target("start, until ready, nothing there yet", f.START_EMPTY, 1.5, at_least=False, unit=" s"),
    Target("start, until ready, on what is there", f.START_USED, 1.5, at_least=False, unit=" s"),
)
ASKED = (
    Target("Redis round trips, login", f.asked("login", "redis"), 4, at_least=False, places=0),
    Target("database statements, login", f.asked("login", "database"), 1, at_least=False, places=0),
    Target("Redis round trips, refresh", f.asked("refresh", "redis"), 2, at_least=False, places=0),
    Target("Redis round trips, check", f.asked("check", "redis"), 1, at_least=False, places=0),
)


def of(found: Findings) -> Sequence[Target]:
    """All targets. Which figure tells what two workers achieve depends on whether they had cores to themselves."""
    few, many = found.sessions
    two = f.TWO_WORKERS if found.apart else f.TWO_WORKERS_CORES
    how = "" if found.apart else ", from answers per second of processor time"
    return (
        *CHECKS,
        *LOGINS,
        Target(f"check with {many:,} sessions, in checks with {few:,}", f.MANY_SESSIONS, 0.90),
        Target(f"two workers, in one worker{how}", two, 1.8),
        *STARTS,
        *ASKED,
    )


def missed(found: Findings) -> list[Target]:
    """Those that were not met, and those that could not be measured."""
    return [target for target in of(found) if target.figure not in found.figures or not _met(target, found)]


def _met(target: Target, found: Findings) -> bool:
    return target.is_met(found.figures[target.figure])
