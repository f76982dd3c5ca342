"""The load of logins and of refreshes: every request once, so the lists are made anew for each round."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Protocol

from redis import Redis

from bench.filling import FIRST_USER, fill
from bench.generator import Outcome, Shot, request

CONNECTIONS = 64
FIRST = 300.0  # a second, before anything is known
MARGIN = 1.5
SPARE = 2 * CONNECTIONS


class Issuer(Protocol):
    """A server that people log in to."""

    port: int

    def issue(self, mobiles: Sequence[str]) -> list[bytes]: ...


class _Paced:
    """Guesses how many requests a round will take, from the last one."""

    def __init__(self) -> None:
        self._rate = FIRST

    def wanted(self, seconds: float) -> int:
        return int(self._rate * seconds * MARGIN) + SPARE

    def note(self, outcome: Outcome) -> None:
        faster = self._rate * 4 if outcome.used_up else 0.0
        self._rate = max(faster, outcome.rate)


class Logins:
    """Half of the numbers are new, half have logged in before, turn by turn."""

    def __init__(self, server: Issuer, prefix: str = "139") -> None:
        self._server = server
        self._prefix = prefix
        self._pace = _Paced()
        self._new: Iterator[int] = count()
        self._known: deque[str] = deque()
        self._sent: list[str] = []

    def shot(self, seconds: float) -> Shot:
        self._sent = self.numbers(self._pace.wanted(seconds))
        return Shot(self._server.port, self._server.issue(self._sent), CONNECTIONS, seconds, once=True)

    def numbers(self, wanted: int) -> list[str]:
        """As many as are wanted; more new ones where too few are known yet."""
        known = [self._known.popleft() for _ in range(min(wanted // 2, len(self._known)))]
        turns = iter(known)
        mixed: list[str] = []
        while len(mixed) < wanted:
            mixed.append(f"{self._prefix}{next(self._new):08d}")
            mixed += [mobile for mobile in [next(turns, None)] if mobile]
        self._known.extend(known)
        return mixed[:wanted]

    def note(self, outcome: Outcome) -> None:
        """Numbers are sent in order: those of the answers are known from now on."""
        self._pace.note(outcome)
        there = set(self._known)
        self._known.extend(mobile for mobile in self._sent[: outcome.answered] if mobile not in there)


class Refreshes:
    """Every refresh token is of a session of its own."""

    def __init__(self, port: int, client: Redis) -> None:
        self._port = port
        self._client = client
        self._pace = _Paced()
        self._next_user = 10 * FIRST_USER
        self.note: Callable[[Outcome], None] = self._pace.note

    def shot(self, seconds: float) -> Shot:
        wanted = self._pace.wanted(seconds)
        pairs = fill(self._client, wanted, self._next_user)
        self._next_user += wanted
        requests = [request(f"Bearer {pair.refresh_token}", method="PUT") for pair in pairs]
        return Shot(self._port, requests, CONNECTIONS, seconds, once=True)
