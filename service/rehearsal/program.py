"""The driver that somebody typed after `--`: a program started without a shell, stopped with all that it started."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import config
from config import SettingsError

STOP_GRACE = 3.0  # seconds between asking it to end and ending it


class Ended(NamedTuple):
    """How it ended: its exit code, or that it was stopped because its time was over."""

    code: int
    is_late: bool = False


async def run(command: Sequence[str], address: str, seconds: float) -> Ended:
    """Run it until it ends, or for so long. Raises SettingsError where it cannot be started.

    What it prints goes to standard error, so that standard output holds the outcome alone.
    """
    process = await _started(command, address)
    try:
        async with asyncio.timeout(seconds):
            return Ended(await process.wait())
    except TimeoutError:
        return Ended(0, is_late=True)
    finally:
        await _stop(process)


async def _started(command: Sequence[str], address: str) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=config.named(""),
            env=config.passed_on(LATCH_REHEARSAL=address),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            start_new_session=True,
        )
    except OSError as error:
        raise SettingsError(f"COMMAND: cannot start {command[0]}: {error.strerror}") from None


async def _stop(process: Process) -> None:
    """It, and whatever of its group is left."""
    if process.returncode is None:
        _signal(process, signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_GRACE)
    _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
