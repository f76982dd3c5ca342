"""What `check` finds: one line each, marked as good, doubtful or bad."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How a finding is marked."""

    GOOD = "ok"
    WARN = "warn"
    BAD = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer. `away`: a store does not answer, and may yet come back."""

    level: Level
    text: str
    away: bool = False


def cause_of(error: BaseException) -> str:
    """The class of what went wrong first; its text might hold a part of the URL."""
    cause = error.__cause__
    while cause and (deeper := cause.__cause__ or cause.__context__):
        cause = deeper
    return f" ({type(cause).__name__})" if cause else ""
