"""The command line as a user types it: in a process of its own, or in this one, which has all its imports done."""

import fcntl
import io
import json
import logging
import os
import pty
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch

import httpx
import pytest
from pydantic import SecretStr

import run as command_line
from service.commands.signals import STOPPING
from service.number_names import NumberNames
from service.observability import logs
from settings.keys import KeySettings
from settings.limits import LimitSettings
from tests.client import BASE, MOBILE, bearer

ROOT = Path(__file__).parent.parent
PORTS = range(20_000, 32_000)  # below those that Linux, macOS and Windows give to outgoing connections
PATIENCE = 50.0  # seconds; what takes one here may take many on a busy machine
SERVICE_KEY = "a-key-of-thirty-two-characters-at-least"

AS_SHIPPED = {name.upper(): str(field.default) for name, field in LimitSettings.model_fields.items()}
UNLIMITED = dict.fromkeys(AS_SHIPPED, "off")  # most tests log in more often than people may

Finished = subprocess.CompletedProcess[str]


def free_port() -> int:
    """A port to listen on that no connection takes meanwhile."""
    while True:
        with suppress(OSError), socket.create_server(("127.0.0.1", secrets.choice(PORTS))) as server:
            return int(server.getsockname()[1])


def environment(data_dir: Path, **settings: object) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    values = {"DATA_DIR": data_dir, "ADMIN_PORT": 0, **settings}  # one process less; on where it is tested
    return {**kept, **{name: str(value) for name, value in values.items()}}


def run(command: str, data_dir: Path, answer: str = "", **settings: object) -> Finished:
    """Type a command, and an answer to what it asks."""
    return subprocess.run(
        [sys.executable, "run.py", *shlex.split(command)],
        cwd=ROOT,
        env=environment(data_dir, **settings),
        input=answer,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def run_here(command: str, data_dir: Path, answer: str = "", **settings: object) -> Finished:
    """The same without a process: a second less, most of it imports. Each command is also run in a process somewhere.

    What a process takes with it when it ends is put back: environment, streams, loggers, signals, umask.
    """
    out, err = io.StringIO(), io.StringIO()
    words = shlex.split(command)
    with (
        patch.dict(os.environ, environment(data_dir, **settings), clear=True),
        patch.object(sys, "stdin", io.StringIO(answer)),
        redirect_stdout(out),
        redirect_stderr(err),
        _put_back(),
    ):
        try:
            code = command_line.main(words)
        except SystemExit as end:  # argparse's
            code = int(end.code or 0)
    return subprocess.CompletedProcess(["run.py", *words], code, out.getvalue(), err.getvalue())


@contextmanager
def _put_back() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (None, *logs.LIBRARIES, *logs.TALKATIVE)]
    state = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    folder, umask = Path.cwd(), os.umask(0o077)
    reactions = {number: signal.getsignal(number) for number in STOPPING}
    os.chdir(ROOT)
    try:
        yield
    finally:
        os.chdir(folder)
        os.umask(umask)
        for number, reaction in reactions.items():
            signal.signal(number, reaction)
        for logger, handlers, level, propagate in state:
            logger.handlers[:] = handlers
            logger.setLevel(level)
            logger.propagate = propagate


def _take_terminal() -> None:
    """Make standard input the controlling terminal of a new session."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Service:
    """`python run.py` in a session of its own: as a supervisor starts it."""

    has_terminal = False

    def __init__(self, data_dir: Path, *, ready: str = "/readyz", **settings: object) -> None:
        self._terminal = pty.openpty() if self.has_terminal else ()
        self.data_dir = data_dir
        self._ready = ready
        self.port = int(str(settings.get("PORT", 0))) or free_port()
        self._settings = {"PORT": self.port, "SMS_SENDER": "file", **UNLIMITED, **settings}
        self.output = data_dir.parent / f"output-{self.port}-{secrets.token_hex(4)}.txt"

    def begin(self) -> subprocess.Popen[bytes]:
        """Start it and wait for nothing."""
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "run.py"],
                cwd=ROOT,
                env=environment(self.data_dir, **self._settings),
                stdin=self._terminal[1] if self._terminal else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_take_terminal if self._terminal else None,  # noqa: PLW1509 - it takes no lock
            )
        return self.process

    def __enter__(self) -> Self:
        self.begin()
        url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=url, timeout=PATIENCE, verify=False, trust_env=False)
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.stop()
        for file in self._terminal:
            os.close(file)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.text()
            with suppress(httpx.TransportError):
                if self.http.get(self._ready).status_code == 200:
                    return
            time.sleep(0.02)
        pytest.fail(f"not ready:\n{self.text()}")

    @property
    def names(self) -> NumberNames:
        """What numbers are called in its Redis, where no setting but the kept pepper says it."""
        pepper = SecretStr((self.data_dir / "code_pepper").read_text(encoding="ascii"))
        return NumberNames(KeySettings(code_pepper=pepper).number_name_key)

    def stop(self, with_signal: signal.Signals = signal.SIGINT) -> int:
        """Ctrl-C: the signal reaches every process of the terminal's group."""
        os.killpg(self.process.pid, with_signal)
        return self.process.wait(PATIENCE)

    def text(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def code(self, mobile: str = MOBILE) -> str:
        assert self.http.post(f"{BASE}/sms/codes", json={"mobile": mobile}).status_code == 200
        return self.last_code(mobile)

    def last_code(self, mobile: str = MOBILE) -> str:
        """What was sent to a number last."""
        lines = (self.data_dir / "sms.jsonl").read_text(encoding="utf-8").splitlines()
        return next(str(sms["code"]) for sms in map(json.loads, reversed(lines)) if sms["mobile"] == mobile)

    def log_in(self, mobile: str = MOBILE) -> dict[str, Any]:
        response = self.http.post(f"{BASE}/authorizations", json={"mobile": mobile, "code": self.code(mobile)})
        assert response.status_code == 200, response.text
        data: dict[str, Any] = response.json()["data"]
        return data

    def log_in_on(self, device: str, mobile: str = MOBILE) -> dict[str, Any]:
        """Log in on a device of this name and answer the tokens."""
        body = {"mobile": mobile, "code": self.code(mobile)}
        response = self.http.post(f"{BASE}/authorizations", json=body, headers={"X-Device-Name": device})
        assert response.status_code == 200, response.text
        data: dict[str, Any] = response.json()["data"]
        return data

    def is_live(self, token: str) -> bool:
        return self.http.get(f"{BASE}/authorizations", headers=bearer(token)).status_code == 200


class ServiceAtTerminal(Service):
    """As somebody at a terminal starts it."""

    has_terminal = True
