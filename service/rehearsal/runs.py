"""The runs: which there are, what passed in each, and whose tokens are in them. Holds digests, and no token."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from service.rehearsal import scripts
from service.rehearsal.plans import Plan
from service.rehearsal.wire import ENDINGS, Deed, Exchange, Happening, Kind, Record

FIRST_NUMBER = 13_800_000_000
CODE = "246810"
MANUAL = "manual"
ROUNDS, AT_ONCE, PAUSE = 8, 3, 0.02
MANY_AT_ONCE = 16  # requests of a client of which nobody has said how many it sends
MOST = 600  # exchanges that are remembered of a run; a client that keeps the rules makes a tenth of them
SHOWN = 16  # digits of a digest


def digest(secret: str) -> str:
    """What is remembered of a token or an id; nothing of nothing."""
    return sha256(secret.encode(errors="surrogateescape")).hexdigest()[:SHOWN] if secret else ""


class Run:
    """One run of one client. `name` is its number, or `manual`."""

    def __init__(self, plan: Plan, name: str, *, rounds: int = ROUNDS, at_once: int = AT_ONCE) -> None:
        self.plan = plan
        self.name = name
        self.rounds = rounds
        self.at_once = at_once
        self.mobile = str(FIRST_NUMBER + plan.run)
        self.in_flight = 0  # requests, also those of a client that has hung up
        self.waiting: set[Deed] = set()  # until nothing else is in flight
        self.turn = asyncio.Lock()  # of whoever does a deed: nothing of the run is served meanwhile
        self.is_done = False
        self._overflowed = False
        self._began = time.monotonic()
        self._counts: Counter[Kind] = Counter()
        self._exchanges: list[Exchange] = []
        self._happenings: list[Happening] = []
        self._sessions: dict[str, str] = {}  # of tokens, by their digests

    @property
    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def ordinal(self, kind: Kind) -> int:
        """How many requests of this kind came before this one."""
        self._counts[kind] += 1
        return self._counts[kind] - 1

    def session_of(self, token: str) -> str:
        """The session of a token's digest; empty where it is none of this run's."""
        return self._sessions.get(token, "")

    def learn(self, session: str, *tokens: str) -> None:
        """Latch has handed these out, of which there are the digests."""
        self._sessions |= dict.fromkeys(tokens, session)

    def note(self, exchange: Exchange) -> None:
        """Remember what passed."""
        self._overflowed = self._overflowed or len(self._exchanges) >= MOST
        if not self._overflowed:
            self._exchanges.append(exchange)

    def note_deed(self, deed: Deed, session: str) -> None:
        """Remember what was done to a session; the end of all the user's, for each of them."""
        of_all = set(self._sessions.values()) if deed is Deed.LIST_DELETED else {session}
        self._happenings += [Happening(self.now, deed, one) for one in sorted(of_all)]

    def is_ended(self, session: str) -> bool:
        """Whether the script has ended this session."""
        return any(session == ended and deed in ENDINGS for _, deed, ended in self._happenings)

    def record(self) -> Record:
        """All that passed, in the order in which it was asked."""
        first, later = self.plan.clock
        return Record(
            exchanges=sorted(self._exchanges),
            happenings=self._happenings,
            rounds=self.rounds,
            at_once=self.at_once,
            clock_jumps=first != later,
            is_done=self.is_done,
            overflowed=self._overflowed,
        )

    def task(self, address: str) -> dict[str, Any]:
        """What a driver is told of it. `address` is where the rehearsal was asked."""
        clock, later = self.plan.clock
        told: dict[str, Any] = {
            "url": f"{address}/run/{self.name}",
            "mobile": self.mobile,
            "code": CODE,
            "script": self.plan.script.name,
            "rounds": self.rounds,
            "at_once": self.at_once,
            "pause": PAUSE,
            "clock": clock,
        }
        return told if clock == later else {**told, "clock_later": later}


class Runs:
    """Those of one rehearsal, handed out in order. `only` is the number of the one that is wanted, if one is."""

    def __init__(self, seed: int, wanted: int, chosen: tuple[str, ...], only: int | None = None) -> None:
        self.wanted = 1 if only is not None else wanted
        self._numbers: Iterator[int] = iter([only] if only is not None else range(wanted))
        self._seed = seed
        self._chosen = chosen
        self._runs: dict[str, Run] = {}
        self._of_nobody = 0 if only is None else only

    def next(self) -> Run | None:
        """One that nobody has had; None where there are no more."""
        number = next(self._numbers, None)
        return None if number is None else self._kept(Run(self._plan(number), str(number)))

    def find(self, name: str) -> Run | None:
        """One that was handed out, or the one of whoever cannot ask for any."""
        if name == MANUAL and name not in self._runs:
            self._kept(Run(self._plan(self._of_nobody), MANUAL, rounds=0, at_once=MANY_AT_ONCE))
        return self._runs.get(name)

    @property
    def left(self) -> int:
        """How many nobody has asked for."""
        return self.wanted - len(self._runs.keys() - {MANUAL})

    def all(self) -> list[Run]:
        """Those that were begun."""
        return [*self._runs.values()]

    def _plan(self, number: int) -> Plan:
        return Plan(scripts.script_of(number, self._chosen), self._seed, number)

    def _kept(self, run: Run) -> Run:
        self._runs[run.name] = run
        return run
