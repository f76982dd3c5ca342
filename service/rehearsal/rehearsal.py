"""One rehearsal: joined to the app that is rehearsed with, it begins when that serves and ends before it stops."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from config import Settings, SettingsError
from service.backing import connections
from service.http.requests import App
from service.rehearsal import program
from service.rehearsal.listener import Listener
from service.rehearsal.network import Network
from service.rehearsal.runs import CODE, FIRST_NUMBER, Runs
from service.rehearsal.sessions import SessionDeeds
from service.rehearsal.upstream import Upstream
from settings.fields import OFF
from settings.limits import LimitSettings

KEY_BYTES = 32


class Wanted(NamedTuple):
    """What is to be rehearsed. `command` is the driver's, empty where somebody starts one by hand."""

    seed: int
    runs: int
    scripts: tuple[str, ...] = ()
    only: int | None = None
    command: Sequence[str] = ()
    seconds: float = 0.0  # that the command gets


def settings_of(folder: Path, wanted: Wanted) -> Settings:
    """Latch as it ships, with nothing of this machine's settings, its stores in a folder, and fixed codes.

    Limits are off: all clients of a rehearsal have one address.
    """
    shipped = {name: field.get_default(call_default_factory=True) for name, field in Settings.model_fields.items()}
    numbers = range(FIRST_NUMBER, FIRST_NUMBER + max(wanted.runs, (wanted.only or 0) + 1))
    ours: dict[str, Any] = {
        **dict.fromkeys(LimitSettings.model_fields, OFF),
        "admin_port": 0,
        "audit_days": 0,
        "code_pepper": secrets.token_hex(KEY_BYTES),
        "data_dir": folder,
        "log_level": "ERROR",
        "sms_sender": "file",
        "test_codes": ",".join(f"{number}={CODE}" for number in numbers),
    }
    return Settings(_env_file=None, **{**shipped, **ours})


class Rehearsal:
    """`done` is called when the driver has ended. `complaints` are about it."""

    def __init__(self, wanted: Wanted, settings: Settings, done: Callable[[], None]) -> None:
        self._wanted = wanted
        self._settings = settings
        self._done = done
        self.runs = Runs(wanted.seed, wanted.runs, wanted.scripts, wanted.only)
        self.complaints: list[str] = []
        self.failure: SettingsError | None = None

    def attach(self, app: App, latch: int, listener: socket.socket, address: str, listen: Callable[[], None]) -> None:
        """Begin when this app serves at the port `latch`. `address` is where drivers find the listener.

        `listen` has it listen, and may raise SettingsError. No sooner: a driver that waited might give up a run.
        """
        upstream = Upstream(latch)
        connection, _ = connections(self._settings)
        network = Listener(self.runs, Network(upstream, SessionDeeds(connection)))
        driver: list[asyncio.Task[None]] = []

        @app.after_server_start
        async def start(_app: App) -> None:
            try:
                listen()
            except SettingsError as error:
                self.failure = error
                self._done()
                return
            await network.start(listener)
            if self._wanted.command:
                driver.append(asyncio.create_task(self._drive(address)))

        @app.before_server_stop
        async def stop(_app: App) -> None:
            for task in driver:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await network.stop()
            upstream.close()
            await connection.close()

    async def _drive(self, address: str) -> None:
        command = self._wanted.command
        try:
            ended = await program.run(command, address, self._wanted.seconds)
        except SettingsError as error:
            self.failure = error
        else:
            self.complaints += _complaints(command[0], ended, self.runs.left, self._wanted.seconds)
        finally:
            self._done()


def _complaints(name: str, ended: program.Ended, left: int, seconds: float) -> list[str]:
    if ended.is_late:
        found = [f"{name} did not end within {seconds:g} s and was stopped"]
    else:
        found = [f"{name} ended with exit code {ended.code}"] if ended.code else []
    return [*found, *([f"{name} did not ask for {left} of the runs"] if left else [])]
