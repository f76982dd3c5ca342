"""What a run has found, by name. Names are spelled by the functions here and nowhere else.

A figure that could not be measured is not there, and the report says so.
"""

from dataclasses import dataclass, field
from typing import Any

from bench.figures import Figure

LATCH = "Latch"
LATCH_SQLITE = "Latch on SQLite"
LATCH_POSTGRES = "Latch on PostgreSQL"
REFRESH = "Latch, refresh"


def check(who: str, connections: int = 64) -> str:
    """Checks, in bare handlers."""
    return f"checks at {connections}: {who}"


def slowest(who: str) -> str:
    """The 99th percentile of a check at 64 connections, in bare handlers' ones."""
    return f"p99 of checks at 64: {who}"


def busy(who: str) -> str:
    """The part of the time that a server was at work."""
    return f"busy with checks at 64: {who}"


def login(who: str) -> str:
    """Logins or refreshes, in bare handlers."""
    return f"logins at 64: {who}"


def asked(kind: str, what: str) -> str:
    """How often one request of a kind asks a store."""
    return f"{what} for one {kind}"


STATELESS = "checks at 64: Latch to Sanic + PyJWT"
MANY_SESSIONS = "checks: many sessions to few"
SESSION_BYTES = "bytes per session"
TWO_WORKERS = "two workers to one: answers"
TWO_WORKERS_EACH = "two workers to one: answers for each second of processor time"
TWO_WORKERS_CORES = "two workers to one: on cores of their own"
START_EMPTY = "start, empty"
START_USED = "start, used"


@dataclass
class Findings:
    """`figures` by name; `processor` are shares of the processor time of logins; `notes` are what went wrong."""

    header: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict)
    memory: dict[str, dict[str, float]] = field(default_factory=dict)
    processor: dict[str, float] = field(default_factory=dict)
    sessions: tuple[int, int] = (0, 0)  # how many there are where there are few, and where there are many
    apart: bool = False  # whether two workers had two cores to themselves
    absolute: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def put(self, name: str, figure: Figure | None) -> None:
        """Keep a figure, if there is one."""
        if figure:
            self.figures[name] = figure
