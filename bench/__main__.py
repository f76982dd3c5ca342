"""Latch beside a bare Sanic handler and other ways to build the same, in one run: `make bench`, `make bench-short`.

It reports what it measured, also where a target is missed. Speed is told in ratios of neighbouring rounds, because
machines differ and neighbours disturb; docs/performance.md says how to read them.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import asked, generator, machine, measuring, publishing, report, startup, stores
from bench import findings as f
from bench.contests import Ring
from bench.cores import available, shared_out
from bench.filling import fill
from bench.findings import Findings
from bench.latch import Latch
from bench.servers import BenchError
from config import Settings

FAILED = 1
STOPPED = 130


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. `seconds` are those of a round: whole ones, as wrk takes them."""

    form: str
    rounds: int
    seconds: int
    sessions: int
    starts: int
    traces: int


FULL = Plan("full: 5 rounds of 4 s", 5, 4, 1_000_000, 5, 15)
SHORT = Plan("short: 2 rounds of 1 s, which say little of small differences", 2, 1, 50_000, 2, 7)


def measure(plan: Plan, *, tcp: bool) -> Findings:
    """Everything, phase by phase."""
    found, cores = Findings(), shared_out(available())
    ring = Ring(generator.chosen(), cores.load, plan.rounds, plan.seconds, found.notes.append)
    machine.installed()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="latch-bench-")))
        _say("starts")
        startup.measure(found, folder, cores, plan.starts)
        redis = stack.enter_context(stores.redis(cores.stores, tcp=tcp))
        postgres = stack.enter_context(stores.postgres(cores.stores))
        found.header = {**machine.header(ring.generator, cores, redis, postgres), "form": plan.form}
        field = measuring.Field(ring, cores, folder, redis, postgres, found, tcp)
        _say("checks at 64, 256 and 1 connections, logins, refreshes")
        _beside_peers(field)
        _say("round trips")
        _round_trips(field, plan)
        _say("two workers")
        measuring.workers(field)
        _say(f"{plan.sessions:,} sessions")
        measuring.sessions(field, plan.sessions)
    return found


def _beside_peers(field: measuring.Field) -> None:
    cores, redis = field.cores, field.redis
    with ExitStack() as stack:
        database = field.postgres.database("latch")
        latch = Latch(field.folder, cores.server, redis=redis.database(0), database=database).migrate()
        stack.enter_context(latch)
        field.remember("just started", latch)
        [pair] = fill(redis.client, 1)
        peers = measuring.contestants(field, stack, latch, pair.token)
        measuring.checks(field, latch, pair.token, peers)
        field.remember("after checks", latch)
        sqlite = redis.database(measuring.SQLITE_DATABASE)
        on_sqlite = stack.enter_context(Latch(field.folder, cores.server, redis=sqlite))
        measuring.logins(field, latch, on_sqlite, peers)
        field.remember("after checks, logins and refreshes", latch)
        measuring.processor_of_logins(field, latch)


def _round_trips(field: measuring.Field, plan: Plan) -> None:
    with stores.redis(field.cores.stores) as redis:
        counted = asked.count(field.folder, field.cores.server, redis, field.postgres, plan.traces)
    for kind, figures in counted.items():
        for what, figure in figures.items():
            field.found.put(f.asked(kind, what), figure)


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} measuring {what} ...", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="less than two minutes, and less exact")
    parser.add_argument("--redis", choices=("unix", "tcp"), default="unix", help="how Latch reaches Redis")
    parser.add_argument("--publish", action="store_true", help="write the report into docs/performance.md, too")
    chosen = parser.parse_args(arguments)
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)  # measured are the defaults, whatever the shell has set
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        found = measure(SHORT if chosen.short else FULL, tcp=chosen.redis == "tcp")
    except BenchError as error:
        print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("stopped; nothing was kept", file=sys.stderr)
        return STOPPED
    print(report.text(found))
    publishing.keep(found)
    if chosen.publish:
        publishing.publish(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
