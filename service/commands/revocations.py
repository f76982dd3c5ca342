"""`run.py revoke` with a filter: end the sessions of many. They are counted first, and whoever types it is asked."""

import asyncio
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config import Settings, named
from service.backing import revocation_stores
from service.commands.acting import acting
from service.commands.output import DONE, FAILED, is_confirmed, say
from service.embedded.running import running_redis
from service.entities import zoned
from service.errors import InvalidRequest
from service.http.responses import timestamp
from service.revocations import Revocations
from service.runtime.background import BackgroundTasks
from service.selections import Revocation, Selection, State

FILTERS = ("users", "prefix", "ip", "device", "before", "everyone")
STANDARD_INPUT = "-"


def add_options(parser: ArgumentParser) -> None:
    """What may be asked for."""
    parser.add_argument("--users", metavar="FILE", help="of these: a number or a user id a line; - is standard input")
    parser.add_argument("--prefix", metavar="DIGITS", help="of numbers that begin so: three digits or more")
    parser.add_argument("--ip", metavar="ADDRESS", help="from this address or network: 203.0.113.0/24")
    parser.add_argument("--device", metavar="NAME", help="on devices of this name, the whole of it")
    parser.add_argument("--before", metavar="TIME", help="logged in before: ISO 8601, UTC where it names no zone")
    parser.add_argument("--everyone", action="store_true", default=None, help="of everybody; takes --reason")


def is_asked_for(chosen: Namespace) -> bool:
    """Whether a filter is given, or nobody is named."""
    return not chosen.subject or any(getattr(chosen, name) is not None for name in FILTERS)


def run(settings: Settings, chosen: Namespace) -> int:
    """End the sessions that fit. Returns FAILED where there are none, or not all could be ended."""
    filters = _filters(chosen)
    if filters.get("everyone") and not chosen.reason.strip():
        raise InvalidRequest({"--reason": "is due for everybody: say why"})
    with running_redis(settings):
        return asyncio.run(_run(settings, chosen, filters))


async def _run(settings: Settings, chosen: Namespace, filters: dict[str, Any]) -> int:
    async with acting(settings, chosen.reason) as (connection, database, events, outbox):
        stores = revocation_stores(settings, connection, database, outbox)
        jobs = Revocations(stores, events, BackgroundTasks(), time.time)
        selection = jobs.selected(filters)
        found = await _carry_out(jobs, selection, "counting", dry_run=True)
        if found.state is not State.DONE or not found.matched:
            return _told(found, as_json=chosen.json)
        if not is_confirmed(f"End {_count(found.matched)} ({found.what})?", yes=chosen.yes):
            return FAILED
        over = await _carry_out(jobs, selection, "ending", dry_run=False)
        return _told(over, as_json=chosen.json)


def _filters(chosen: Namespace) -> dict[str, Any]:
    """What was typed, as the use case takes it. Raises InvalidRequest."""
    given = {name: getattr(chosen, name) for name in FILTERS if getattr(chosen, name) is not None}
    if chosen.session:
        raise InvalidRequest({"--session": "goes with one user, and with no filter"})
    if "users" in given:
        given["users"] = _lines(given["users"], yes=chosen.yes)
    if chosen.subject:
        given["users"] = [*given.get("users", []), " ".join(chosen.subject)]
    if "before" in given:
        given["before"] = zoned(given["before"])
    return given


def _lines(file: str, *, yes: bool) -> list[str]:
    if file == STANDARD_INPUT:
        if not yes:
            raise InvalidRequest({"--users": "- needs --yes: the answer cannot come from there as well"})
        text = sys.stdin.read()
    else:
        try:
            text = named(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest({"--users": f"cannot be read: {type(error).__name__}"}) from error
    return [line.strip() for line in text.splitlines() if line.strip()]


@contextmanager
def _stopping(jobs: Revocations) -> Iterator[None]:
    """Ctrl-C stops the job, which then says how far it got."""
    loop = asyncio.get_running_loop()
    numbers: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, jobs.stop_all)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _carry_out(jobs: Revocations, selection: Selection, what: str, *, dry_run: bool) -> Revocation:
    """Do it under a bar, where somebody looks."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what, total=None)

        def watch(now: Revocation, _: int) -> None:
            if dry_run:
                progress.update(task, completed=now.matched)
            else:
                progress.update(task, completed=now.ended, total=now.matched)

        with _stopping(jobs):
            return await jobs.run(selection, watch, dry_run=dry_run)


def _told(job: Revocation, *, as_json: bool) -> int:
    why = f" ({job.why})" if job.why else ""
    state = "" if job.state is State.DONE else f", {job.state}{why}"
    text = f"{job.what}: ended {job.ended} of {_count(job.matched)}{state}"
    say(text, {**job._asdict(), "started_at": timestamp(job.started_at)}, as_json=as_json)
    return DONE if job.state is State.DONE and job.ended else FAILED


def _count(sessions: int) -> str:
    return f"{sessions} session{'' if sessions == 1 else 's'}"
