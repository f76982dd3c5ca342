"""What one login, one refresh and one check ask of the stores, as the stores themselves count it. One at a time.

Redis counts what it reads from a connection at once (INFO stats, `total_reads_processed`) and each command (INFO
commandstats). A round trip is one read, or two where both connections ask at the same time. PostgreSQL logs each
statement.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from redis import Redis

from bench.cores import Set
from bench.figures import Figure
from bench.filling import FIRST_USER, fill
from bench.generator import PATH, request
from bench.latch import Latch
from bench.logins import Logins
from bench.servers import BenchError
from bench.stores import PostgresServer, RedisServer

WARMING = 4  # requests: scripts are loaded, connections opened, statements prepared
QUIET = 0.15  # seconds after an answer in which what it left to be done is done
DATABASE = 9
Figures = dict[str, Figure]


@dataclass(frozen=True, slots=True)
class Counts:
    """What Redis has read and run since it started, but for our own questions, and what PostgreSQL has executed."""

    reads: int
    commands: int
    statements: int


@dataclass(frozen=True)
class Counters:
    """Asks both stores. Each question is one read of Redis, which is not counted."""

    redis: Redis
    statements: Callable[[], int]
    asked: list[None]

    def now(self) -> Counts:
        self.asked.append(None)
        facts: Mapping[str, Any] = self.redis.info("everything")  # one question, so that nothing happens in between
        reads = int(facts["total_reads_processed"]) - len(self.asked)
        return Counts(reads, commands(facts), self.statements())


def commands(facts: Mapping[str, Any]) -> int:
    """How many commands were run, those within scripts included, but for INFO."""
    ran = (stats["calls"] for name, stats in facts.items() if name.startswith("cmdstat_") and name != "cmdstat_info")
    return sum(int(calls) for calls in ran)


def between(before: Counts, answered: Counts, quiet: Counts) -> dict[str, float]:
    """What was asked for one request: until its answer, and after it."""
    return {
        "redis": answered.reads - before.reads,
        "after": quiet.reads - answered.reads,
        "commands": quiet.commands - before.commands,
        "database": quiet.statements - before.statements,
    }


def count(folder: Path, cores: Set, redis: RedisServer, postgres: PostgresServer, times: int) -> dict[str, Figures]:
    """The figures of each kind of request."""
    database = postgres.database("latch_counted")
    postgres.log_statements("latch_counted")
    with Latch(folder, cores, redis=redis.database(DATABASE), database=database).migrate() as latch:
        counters = Counters(redis.client, postgres.statements, [])
        return {kind: _figures(latch, ones, counters) for kind, ones in _requests(latch, redis, times).items()}


def _requests(latch: Latch, redis: RedisServer, times: int) -> dict[str, list[bytes]]:
    pairs = fill(redis.on(DATABASE), WARMING + times, FIRST_USER)
    return {
        "login": latch.issue(Logins(latch).numbers(WARMING + times)),
        "refresh": [request(f"Bearer {pair.refresh_token}", method="PUT") for pair in pairs],
        "check": [request(f"Bearer {pair.token}") for pair in pairs],
    }


def _figures(latch: Latch, requests: list[bytes], counters: Counters) -> Figures:
    with closing(HTTPConnection("127.0.0.1", latch.port, timeout=10)) as connection:
        found = [_counted(connection, one, counters) for one in requests][WARMING:]
    return {name: Figure(tuple(counts[name] for counts in found)) for name in found[0]}


def _counted(connection: HTTPConnection, sent: bytes, counters: Counters) -> dict[str, float]:
    before = counters.now()
    _send(connection, sent)
    answered = counters.now()
    time.sleep(QUIET)
    return between(before, answered, counters.now())


def _send(connection: HTTPConnection, sent: bytes) -> None:
    head, _, body = sent.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    connection.request(lines[0].split()[0], PATH, body or None, dict(line.split(": ", 1) for line in lines[1:]))
    response = connection.getresponse()
    text = response.read()
    if response.status != 200:
        raise BenchError(f"a counted request was refused: {response.status} {text.decode()}")
