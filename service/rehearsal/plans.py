"""What a script is, and what it does with which request. Pure: the same seed and run number give the same faults.

Nothing depends on time: a request is treated by its kind, and by how many of its kind came before it in the run.
"""

from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from service.rehearsal.wire import Deed, Kind

WHENEVER = 1_000_000
BYTES = 8  # of a draw
MANY = float(256**BYTES)  # draws that there are


class Do(StrEnum):
    """What the network does with one request."""

    PASS = ""
    REQUEST_LOST = "the connection is cut before Latch hears of it"
    ANSWER_LOST = "the connection is cut before the answer"
    DOUBLED = "the request comes twice, and the first answer is dropped"
    REQUEST_LATE = "the request comes late"
    ANSWER_LATE = "the answer comes late"
    IN_DROPS = "the answer comes in drops"
    CUT_SHORT = "the answer is cut off in the middle"
    INSTEAD = "somebody else answers, and Latch hears nothing"
    AFTERWARDS = "somebody else answers, after Latch has"


class Treatment(NamedTuple):
    """What is done, how many seconds it takes, and the name of the answer that comes from somebody else."""

    do: Do = Do.PASS
    seconds: float = 0.0
    answer: str = ""

    def __str__(self) -> str:
        return f"{self.do} ({self.answer})" if self.answer else self.do.value


class Step(NamedTuple):
    """What is done to requests of a kind: from the `first` to the `last` of a run, counted from 0, by chance."""

    kind: Kind
    what: Treatment | Deed
    first: int = 0
    last: int = WHENEVER
    chance: float = 1.0


class Script(NamedTuple):
    """Steps under a name; `means` says what they stand for. `clocks` are pairs: seconds off at first, and later."""

    name: str
    means: str
    steps: tuple[Step, ...]
    clocks: tuple[tuple[int, int], ...] = ((0, 0),)


class Plan(NamedTuple):
    """A script in one run."""

    script: Script
    seed: int
    run: int

    def treatment(self, kind: Kind, ordinal: int) -> Treatment:
        """What the network does with this request: the first step that fits."""
        found = (what for what in self._due(kind, ordinal) if isinstance(what, Treatment))
        return next(found, Treatment())

    def deeds(self, kind: Kind, ordinal: int) -> list[Deed]:
        """What is done before this request is served."""
        return [what for what in self._due(kind, ordinal) if isinstance(what, Deed)]

    @property
    def clock(self) -> tuple[int, int]:
        """Seconds that the client's clock is off, and from the middle of the run on."""
        clocks = self.script.clocks
        return clocks[int(self._draw("clock") * len(clocks))]

    def _due(self, kind: Kind, ordinal: int) -> list[Treatment | Deed]:
        return [
            step.what
            for number, step in enumerate(self.script.steps)
            if step.kind is kind
            and step.first <= ordinal <= step.last
            and (step.chance >= 1 or self._draw(f"{number}/{ordinal}") < step.chance)
        ]

    def _draw(self, what: str) -> float:
        """A number from 0 to less than 1."""
        text = f"{self.seed}/{self.run}/{self.script.name}/{what}"
        drawn = int.from_bytes(blake2b(text.encode(), digest_size=BYTES).digest())
        return drawn / MANY
