"""A server under measurement: a process with all that it starts, on its cores, until the block ends."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from bench.cores import Set, on

PATIENCE = 60.0  # seconds
POLL = 0.005
MB = 1_000_000
FIRST_BAD = 500


class BenchError(Exception):
    """What keeps the benchmark from measuring, in a sentence for whoever started it."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes: resident, and of that what the process has for itself and what it has by halves with others."""

    resident: float
    own: float
    proportional: float


class Server:
    """Knows how much processor time and memory it has taken."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        port: int,
        cores: Set,
        folder: Path,
        ready: str = "/app/v1_0/authorizations",
        environment: Mapping[str, object] | None = None,
    ) -> None:
        self.name = name
        self.port = port
        self.folder = folder
        self._command = command
        self._cores = cores
        self._ready = ready
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self._environment = {**kept, **{key: str(value) for key, value in (environment or {}).items()}}
        self.started = 0.0  # seconds from its start until it was ready

    def __enter__(self) -> Self:
        began = time.perf_counter()
        with self._output.open("wb") as log, on(self._cores):
            self.process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        self.started = time.perf_counter() - began
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", self._ready)
                status = connection.getresponse().status
                connection.close()
                if status == 200 or (self._ready != "/readyz" and status < FIRST_BAD):
                    return
            time.sleep(POLL)
        raise BenchError(f"{self.name} did not start; it said:\n{self._said()[-2000:]}")

    def stop(self) -> None:
        """End it as a supervisor would, and what is left of it by force."""
        family = self._family()
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        for left in family:
            with suppress(psutil.Error):
                left.kill()
        self.process.wait()

    def processor(self) -> float:
        """Seconds of processor time that it and its processes have used."""
        return processor(self._family())

    def memory(self) -> Memory:
        """Of the process that serves; with several workers of the first one."""
        full = psutil.Process(self.process.pid).memory_full_info()
        return Memory(full.rss / MB, full.uss / MB, getattr(full, "pss", 0) / MB)

    def last_words(self) -> str:
        """The last line of its log: where it refuses, why."""
        return (self._said().strip().splitlines() or ["nothing"])[-1][-300:]

    def _said(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def _output(self) -> Path:
        return self.folder / f"{self.port}.txt"

    def _family(self) -> list[psutil.Process]:
        return family(self.process.pid)


def family(pid: int) -> list[psutil.Process]:
    """A process and all that descend from it."""
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.Error:
        return []


def processor(processes: Sequence[psutil.Process]) -> float:
    """Seconds of processor time, of those that still run."""
    used = 0.0
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            used += times.user + times.system
    return used


PYTHON = sys.executable
