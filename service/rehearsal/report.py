"""What is said at the end: a table by script, and the story of each run in which something was found. Pure."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from service.rehearsal.judge import Fault, Finding, judge
from service.rehearsal.runs import MANUAL, Run
from service.rehearsal.wire import Exchange, Happening, Kind, Record, Said

COLUMNS = ("SCRIPT", "RUNS", "REFRESHES", "LOGINS", "LOST", "DEAD USED", "LOOPS", "UNFINISHED")
TOLD = 5  # runs whose stories are printed; all are in the JSON
LONGEST = 120  # lines of one


class Judged(NamedTuple):
    """A run, and what was found in it."""

    name: str
    script: str
    record: Record
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All runs of a rehearsal, and what is wrong with the driver itself."""

    seed: int
    wanted: int
    judged: list[Judged]
    complaints: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether something was rehearsed, and nothing was found."""
        return bool(self.judged) and not self.complaints and not self.bad

    @property
    def bad(self) -> list[Judged]:
        """The runs in which something was found."""
        return [one for one in self.judged if one.findings]


def outcome(seed: int, wanted: int, runs: Sequence[Run], complaints: Sequence[str]) -> Outcome:
    """Judge them all. `complaints` are about the driver."""
    judged = [Judged(run.name, run.plan.script.name, record := run.record(), judge(record)) for run in runs]
    return Outcome(seed, wanted, judged, [*complaints])


def verdict(outcome: Outcome) -> list[str]:
    """What is wrong with the driver, and what to think of it all."""
    found = "nothing was found" if outcome.is_good else "this client is not ready"
    return [*outcome.complaints, f"{found if outcome.judged else 'nobody has rehearsed'}; seed {outcome.seed}"]


def rows(outcome: Outcome) -> list[tuple[str, ...]]:
    """A table: a line for each script, and one for all. Counts lost sessions, and else runs."""
    names = list(dict.fromkeys(one.script for one in outcome.judged))
    lines = [(name, *_figures([one for one in outcome.judged if one.script == name])) for name in names]
    return [COLUMNS, *lines, ("all", *_figures(outcome.judged))]


def _figures(judged: Sequence[Judged]) -> Iterator[str]:
    yield str(len(judged))
    for kind in (Kind.REFRESH, Kind.LOGIN):
        yield str(sum(exchange.kind is kind for one in judged for exchange in one.record.exchanges))
    found = [[finding.fault for finding in one.findings] for one in judged]
    yield str(sum(faults.count(Fault.LOST) for faults in found))
    for fault in (Fault.DEAD, Fault.LOOP, Fault.UNFINISHED):
        yield str(sum(fault in faults for faults in found))


def stories(outcome: Outcome, again: Sequence[str]) -> Iterator[str]:
    """Of the first runs in which something was found, line by line."""
    for one in outcome.bad[:TOLD]:
        yield f"\nrun {one.name}, {one.script}: " + "; ".join(finding.text for finding in one.findings)
        lines = story(one.record)
        yield from (f"  {line}" for line in lines[:LONGEST])
        if len(lines) > LONGEST:
            yield f"  ... and {len(lines) - LONGEST} lines more; --json has them all"
        yield f"  again: {repeat(outcome, one, again)}"
    if len(outcome.bad) > TOLD:
        yield f"\n... and {len(outcome.bad) - TOLD} runs more in which something was found; --json has them all"


def repeat(outcome: Outcome, one: Judged, again: Sequence[str]) -> str:
    """The command that does this run again."""
    options = [] if one.name == MANUAL else ["--run", one.name]
    return shlex.join(["latch", "rehearse", "--seed", str(outcome.seed), *options, *again])


def story(record: Record) -> list[str]:
    """What passed in a run, in order: sessions and tokens have numbers, as they came up."""
    names = _Names()
    passed: list[Exchange | Happening] = [*record.exchanges, *record.happenings]
    return [names.line(one) for one in sorted(passed, key=lambda one: one.at)]


class _Names:
    """Of the sessions and tokens in one story."""

    def __init__(self) -> None:
        self._sessions: dict[str, int] = {}
        self._tokens: dict[str, int] = {}

    def line(self, passed: Exchange | Happening) -> str:
        if isinstance(passed, Happening):
            return f"{passed.at:.3f} s  {passed.deed}: session {_number(self._sessions, passed.session)}"
        token = f" with token {_number(self._tokens, passed.token)}" if passed.token else ""
        parts = [f"{passed.at:.3f} s  {passed.kind}{token}{self._session(passed.session)}", passed.network]
        answered = f"{_status(passed.latch)}{f', tokens{of}' if (of := self._session(passed.opened)) else ''}"
        if passed.latch.status and not passed.is_latchs:
            parts.append(f"Latch answered {answered}")
        told = answered if passed.is_latchs else _status(passed.told)
        parts.append(
            f"the client got {told} at {passed.told_at:.3f} s" if passed.told.status else "the client got nothing"
        )
        return "; ".join(filter(None, parts))

    def _session(self, session: str) -> str:
        return f" of session {_number(self._sessions, session)}" if session else ""


def _number(known: dict[str, int], key: str) -> int:
    return known.setdefault(key, len(known) + 1)


def _status(said: Said) -> str:
    """Empty where nothing was said."""
    return " ".join(filter(None, (str(said.status or ""), said.error, said.reason and f"({said.reason})")))


def as_json(outcome: Outcome, again: Sequence[str]) -> dict[str, Any]:
    """The same for scripts."""
    heads = [head.lower().replace(" ", "_") for head in COLUMNS]
    return {
        "good": outcome.is_good,
        "seed": outcome.seed,
        "wanted": outcome.wanted,
        "complaints": outcome.complaints,
        "scripts": [
            {head: cell if head == "script" else int(cell) for head, cell in zip(heads, row, strict=True)}
            for row in rows(outcome)[1:]
        ],
        "failed": [
            {
                "run": one.name,
                "script": one.script,
                "findings": [finding._asdict() for finding in one.findings],
                "story": story(one.record),
                "again": repeat(outcome, one, again),
            }
            for one in outcome.bad
        ],
    }
