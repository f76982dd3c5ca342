"""`run.py rehearse`: a client of Latch's, on a network that misbehaves by script.

It has a Latch of its own, whose stores go with it: nothing of this machine's settings is used, and nothing is touched.
"""

import asyncio
import math
import secrets
import socket
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from config import Settings, SettingsError
from service.commands import http_server, migrate, server, signals
from service.commands.output import DONE, FAILED, say, table
from service.commands.server import Place
from service.commands.worker import PUBLIC, built
from service.embedded.program import EmbeddedRedisMissing
from service.embedded.running import embedded_redis
from service.observability import logs

if TYPE_CHECKING:  # no serving process has a use for it
    from service.rehearsal.rehearsal import Rehearsal, Wanted

RUNS, MOST = 20, 100_000
PORT = 8010
SEEDS = 1_000_000
START, A_RUN = 30.0, 2.0  # seconds that COMMAND gets
LONGEST = 86_400


def add_options(parser: ArgumentParser) -> None:
    """What may be asked for."""
    parser.epilog = (
        "Without COMMAND it serves until Ctrl-C, and then says what it has seen. docs/rehearsal.md tells more."
    )
    parser.add_argument("--runs", type=_whole(1, MOST), default=RUNS, metavar="N", help=f"how many; else {RUNS}")
    parser.add_argument("--run", type=_whole(0, MOST), metavar="N", help="the run of this number alone, once more")
    parser.add_argument("--seed", type=_whole(0, 2**63), help="the same faults again; else by chance")
    parser.add_argument(
        "--script", action="append", default=[], metavar="NAME", help="this one, also several; else all"
    )
    parser.add_argument("--list", action="store_true", help="what scripts there are, and what they stand for")
    parser.add_argument("--host", default="127.0.0.1", help="to listen on; 0.0.0.0 for an emulator or a phone")
    parser.add_argument("--port", type=_whole(0, 65535), default=PORT, help=f"to listen on, {PORT}; 0: any")
    parser.add_argument(
        "--timeout", type=_seconds, help=f"seconds for COMMAND; else {START:g} and {A_RUN:g} for each run"
    )
    parser.add_argument("--json", action="store_true", help="for scripts")
    parser.add_argument(
        "program", nargs="*", metavar="COMMAND", help="the driver, after --: LATCH_REHEARSAL says where to ask"
    )


def run(_: Settings | None, chosen: Namespace) -> int:
    """Rehearse. Returns DONE where nothing was found."""
    from service.rehearsal import report, scripts  # noqa: PLC0415 - as above

    if chosen.list:
        told = [{"name": script.name, "means": script.means} for script in scripts.SCRIPTS.values()]
        return say("\n".join(table([(one["name"], one["means"]) for one in told])), told, as_json=chosen.json)
    wanted = _wanted(chosen, [*scripts.SCRIPTS])
    rehearsal = _rehearse(wanted, chosen)
    if rehearsal is None:
        return FAILED
    found = report.outcome(wanted.seed, rehearsal.runs.wanted, rehearsal.runs.all(), rehearsal.complaints)
    again = _again(chosen)
    lines = [*table(report.rows(found)), *report.stories(found, again), "", *report.verdict(found)]
    say("\n".join(lines), report.as_json(found, again), as_json=chosen.json)
    return DONE if found.is_good else FAILED


def _wanted(chosen: Namespace, known: Sequence[str]) -> "Wanted":
    """Raises SettingsError for a script that is none."""
    from service.rehearsal.rehearsal import Wanted  # noqa: PLC0415 - as above

    if unknown := [name for name in chosen.script if name not in known]:
        raise SettingsError(f"--script: there is no {', '.join(unknown)}; there are {', '.join(known)}")
    seed = secrets.randbelow(SEEDS) if chosen.seed is None else chosen.seed
    runs = 1 if chosen.run is not None else chosen.runs
    seconds = chosen.timeout or START + A_RUN * runs
    return Wanted(seed, runs, tuple(chosen.script), chosen.run, chosen.program, seconds)


def _again(chosen: Namespace) -> list[str]:
    """The words that do the same again, after the seed and the run."""
    scripts = [word for name in chosen.script for word in ("--script", name)]
    return [*scripts, *(["--", *chosen.program] if chosen.program else [])]


def _rehearse(wanted: "Wanted", chosen: Namespace) -> "Rehearsal | None":
    """Serve until the driver has ended, or somebody stops it. None where it was stopped before it served.

    Raises SettingsError where there is no embedded Redis: another is not to be touched, whatever REDIS_URL says.
    """
    from service.rehearsal.rehearsal import settings_of  # noqa: PLC0415 - as above

    place = Place("--host, --port", chosen.host, chosen.port)
    signals.interrupt_once()  # until the server's own handlers stand
    try:
        with (
            server.bound(place, None) as listener,
            server.bound(Place("port", "127.0.0.1", 0), None) as latch,
            TemporaryDirectory(prefix="latch-rehearsal-") as folder,
        ):
            settings = settings_of(Path(folder), wanted)
            logs.configure(settings)
            with embedded_redis(settings):
                asyncio.run(migrate.migrate(settings))
                return _serve(wanted, settings, Sockets(place, listener, latch))
    except EmbeddedRedisMissing as error:
        text = "it needs the embedded Redis, which `make install` in a checkout brings along and the image does not"
        raise SettingsError(f"rehearse: {text}") from error
    except KeyboardInterrupt:
        print("stopped before it served", file=sys.stderr)
        return None


class Sockets(NamedTuple):
    """Where clients connect, and where the Latch behind the network does."""

    place: Place
    listener: socket.socket
    latch: socket.socket

    @property
    def address(self) -> str:
        """Where a driver on this machine asks."""
        return self.place._replace(port=self.listener.getsockname()[1]).address


def _serve(wanted: "Wanted", settings: Settings, sockets: Sockets) -> "Rehearsal":
    """Raises SettingsError where nobody can connect, or COMMAND cannot be started."""
    from service.rehearsal.rehearsal import Rehearsal  # noqa: PLC0415 - as above

    stops: list[http_server.StopRequest] = []

    def stopping(request: http_server.StopRequest) -> None:
        stops.append(request)
        server.stop_on_signals(request)

    def listen() -> None:
        server.listen(sockets.listener, sockets.place)
        _say_where(wanted, sockets.address)

    app = built(PUBLIC, settings)
    rehearsal = Rehearsal(wanted, settings, lambda: http_server.request_stop(stops[0]))
    rehearsal.attach(app, sockets.latch.getsockname()[1], sockets.listener, sockets.address, listen)
    http_server.run(app, sockets.latch, stopping, lambda: None)
    if rehearsal.failure:
        raise rehearsal.failure
    return rehearsal


def _say_where(wanted: "Wanted", address: str) -> None:
    """On standard error: standard output is for the outcome."""
    lines = [f"Latch rehearses on {address}, seed {wanted.seed}"]
    if not wanted.command:
        lines += [
            f"  Drivers   ask {address}/next for {wanted.runs} runs",
            f"  By hand   {address}/run/manual; {address}/run/manual/task says with which number and code",
            "Stop with Ctrl-C: then it says what it has seen.",
        ]
    print("\n".join(lines), file=sys.stderr, flush=True)


def _whole(least: int, most: int) -> Callable[[str], int]:
    """What reads a whole number of this range."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"should be {least} to {most}")
        return int(text)

    return read


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= LONGEST:
        raise ArgumentTypeError(f"should be seconds, up to {LONGEST}")
    return seconds
