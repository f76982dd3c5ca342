"""Rounds of several contests in turns, so that whatever else the machine does meets them all alike."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.cores import Set
from bench.figures import Rounds
from bench.generator import Generator, Outcome, Shot
from bench.servers import Server

Say = Callable[[str], None]
WARMING = 1.0  # seconds
SETTLED, PAUSE, IDLE = 3.0, 0.05, 0.01  # seconds


@dataclass(frozen=True)
class Contest:
    """One server under one kind of load. `shot` makes a round's load; `note` is told what became of it."""

    name: str
    server: Server
    shot: Callable[[float], Shot]
    note: Callable[[Outcome], None] = lambda _: None


def repeated(requests: Sequence[bytes], server: Server, connections: int) -> Callable[[float], Shot]:
    """The same requests again and again."""
    return lambda seconds: Shot(server.port, requests, connections, seconds)


@dataclass(frozen=True)
class Ring:
    """Where contests are held: the generator, its cores, how often and how long. `complain` is told of bad rounds."""

    generator: Generator
    cores: Set
    rounds: int
    seconds: float
    complain: Say

    def hold(self, contests: Sequence[Contest], *, cores: Set | None = None, warm: bool = False) -> dict[str, Rounds]:
        """Every second round goes the other way round. `warm`: all have been under such a load before."""
        where = cores or self.cores
        for contest in () if warm else contests:
            contest.note(self._fired(contest, where, WARMING))
        rounds: dict[str, list[Outcome | None]] = {contest.name: [] for contest in contests}
        for number in range(self.rounds):
            for contest in contests if number % 2 == 0 else reversed(contests):
                rounds[contest.name].append(self._round(contest, where))
        return dict(rounds)

    def _round(self, contest: Contest, cores: Set) -> Outcome | None:
        """One sound outcome, or None after a complaint. A list that was too short is no fault: a longer one follows."""
        for _ in range(3):
            outcome = self._fired(contest, cores, self.seconds)
            contest.note(outcome)
            if not outcome.used_up:
                break
        if outcome.is_sound:
            return outcome
        words = contest.server.last_words()
        self.complain(f"{contest.name}: a round does not count: {outcome.complaint}; its log ends with: {words}")
        return None

    def _fired(self, contest: Contest, cores: Set, seconds: float) -> Outcome:
        shot = contest.shot(seconds)
        before = contest.server.processor()
        outcome = self.generator.fire(shot, cores)
        after = contest.server.processor()
        _settle(contest.server)
        return replace(outcome, processor=after - before)


def _settle(server: Server) -> None:
    """Wait until it has done what it was asked last: the next one's round begins without it, and its next list."""
    deadline = time.monotonic() + SETTLED
    used = server.processor()
    while time.monotonic() < deadline:
        time.sleep(PAUSE)
        before, used = used, server.processor()
        if used - before <= IDLE:
            return
