"""What one login, one refresh and one check ask of the stores, and where the time of a login goes.

One request at a time through the taps of bench/tap.py, so every step is seen; the taps make each a little longer.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlsplit

from bench.cores import Set
from bench.figures import Figure
from bench.filling import FIRST_USER, fill
from bench.generator import PATH, request
from bench.latch import Latch
from bench.logins import Logins
from bench.servers import BenchError
from bench.stores import PostgresServer, RedisServer
from bench.tap import Event, PostgresReader, RedisReader, Tap

WARMING = 4  # requests: scripts are loaded, connections opened, statements prepared
QUIET = 0.15  # seconds after an answer in which what it left to be done is done
FAR = 0.01  # seconds by which answers of the stores are late where round trips are counted
TIMED = "login, step by step"
ITSELF = "Latch itself, HTTP and the client that asks"
DATABASE = 9


@dataclass(frozen=True, slots=True)
class Trace:
    """One request: from its sending to its answer, and what was asked meanwhile and right after."""

    began: float
    answered: float
    redis: list[Event]
    database: list[Event]

    def figures(self) -> dict[str, float]:
        before = [event for event in self.redis if event.at <= self.answered]
        return {
            "redis": turns(before),
            "after": turns(self.redis) - turns(before),
            "commands": len(_names(self.redis)),
            "database": len(_names(self.database)),
        }

    def steps(self) -> list[tuple[str, float]]:
        """The request's seconds, step by step; first what no store was asked in."""
        events = sorted((event for event in self.redis + self.database), key=lambda event: event.at)
        found = steps([event for event in events if event.at <= self.answered])
        rest = self.answered - self.began - sum(seconds for _, seconds in found)
        return [(ITSELF, rest), *found]


def turns(events: Sequence[Event]) -> int:
    """How often Latch spoke after the store had, or first."""
    spoke = [event.names is not None for event in events]
    return sum(asks and not before for asks, before in zip(spoke, [False, *spoke], strict=False))


def steps(events: Sequence[Event]) -> list[tuple[str, float]]:
    """What was asked in each turn, and the seconds to its last answer."""
    found: list[tuple[str, float]] = []
    asked: list[str] = []
    began, answered = 0.0, True
    for event in events:
        if event.names is None:
            if asked:
                found[-1:] = [(" + ".join(asked), event.at - began)]
            answered = True
            continue
        if answered:
            asked, began, answered = [], event.at, False
            found.append(("", 0.0))
        asked += event.names
    return [step for step in found if step[0]]


def shares(traces: Sequence[Trace]) -> list[tuple[str, float]]:
    """The share of each step in the time of a request, of those requests that took the usual steps."""
    all_steps = [trace.steps() for trace in traces]
    usual = Counter(tuple(name for name, _ in taken) for taken in all_steps).most_common(1)[0][0]
    alike = [[seconds for _, seconds in taken] for taken in all_steps if tuple(name for name, _ in taken) == usual]
    middles = [median(column) for column in zip(*alike, strict=True)]
    return [(name, seconds / sum(middles)) for name, seconds in zip(usual, middles, strict=True)]


def count(folder: Path, cores: Set, redis: RedisServer, postgres: PostgresServer, times: int) -> dict[str, list[Trace]]:
    """Some logins, refreshes and checks, each traced, from stores that are far; and logins with those that are near."""
    place = urlsplit(postgres.database("latch_tapped"))
    unix = f"{parse_qs(place.query)['host'][0]}/.s.PGSQL.{place.port or 5432}"
    with Tap(_path(redis), RedisReader) as on_redis, Tap(unix, PostgresReader) as on_database:
        url = f"postgresql://{place.username}:@127.0.0.1:{on_database.port}{place.path}?sslmode=disable"
        latch = Latch(folder, cores, redis=f"redis://127.0.0.1:{on_redis.port}/{DATABASE}", database=url).migrate()
        with latch:
            wanted = WARMING + times
            pairs = fill(redis.on(DATABASE), wanted, FIRST_USER)
            redis.on(DATABASE).script_flush()  # so that each is sent whole once, and its name is learnt
            logins = Logins(latch)
            requests = {
                "login": latch.issue(logins.numbers(wanted)),
                "refresh": [request(f"Bearer {pair.refresh_token}", method="PUT") for pair in pairs],
                "check": [request(f"Bearer {pair.token}") for pair in pairs],
                TIMED: latch.issue(logins.numbers(wanted)),
            }
            trace = _tracer(latch.port, on_redis, on_database)
            traces: dict[str, list[Trace]] = {}
            for kind, ones in requests.items():
                on_redis.delay = on_database.delay = 0 if kind == TIMED else FAR
                traces[kind] = [trace(one) for one in ones][WARMING:]
            return traces


def figures(traces: Sequence[Trace]) -> dict[str, Figure]:
    """Each count over all traces."""
    found = [trace.figures() for trace in traces]
    return {name: Figure(tuple(counts[name] for counts in found)) for name in found[0]}


def _tracer(port: int, on_redis: Tap, on_database: Tap) -> Callable[[bytes], Trace]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.connect()

    def trace(sent: bytes) -> Trace:
        head, _, body = sent.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        on_redis.take(), on_database.take()
        began = time.perf_counter()
        connection.request(lines[0].split()[0], PATH, body or None, headers)
        response = connection.getresponse()
        text = response.read()
        answered = time.perf_counter()
        if response.status != 200:
            raise BenchError(f"a traced request was refused: {response.status} {text.decode()}")
        time.sleep(QUIET)
        return Trace(began, answered, on_redis.take(), on_database.take())

    return trace


def _path(redis: RedisServer) -> str:
    return redis.url.removeprefix("unix://")


def _names(events: Sequence[Event]) -> list[str]:
    return [name for event in events if event.names for name in event.names]
