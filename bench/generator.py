"""The load generator: wrk, which is packaged nearly everywhere. bench/load.lua tells it what to send."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.cores import Set, on
from bench.servers import BenchError

HERE = Path(__file__).parent
PEERS_PYTHON = HERE.parent / ".bench-venv" / "bin" / "python"
PATH = "/app/v1_0/authorizations"
DIVIDER = b"\x1e"
GRACE = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Shot:
    """What is sent. `once`: every request of the list once, else the list again and again."""

    port: int
    requests: Sequence[bytes]
    connections: int
    seconds: float
    once: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was answered. Times in seconds."""

    answered: int
    seconds: float
    p50: float
    p99: float
    failed: int  # of the answers, those that were no success
    broken: int  # connections that broke, requests without an answer
    used_up: bool  # a list that should have been sent once has come to its end
    statuses: dict[str, int] = field(default_factory=dict)
    processor: float = 0.0  # seconds of processor time that the server used meanwhile

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    @property
    def is_sound(self) -> bool:
        return self.answered > 0 and not self.failed and not self.broken and not self.used_up

    @property
    def complaint(self) -> str:
        """What was wrong with it."""
        found = [f"{times} x {status}" for status, times in sorted(self.statuses.items()) if status != "200"]
        found += [f"{self.failed} answers were no success"] if self.failed and not found else []
        found += [f"{self.broken} connections broke or had no answer"] if self.broken else []
        found += ["the list of requests was used up"] if self.used_up else []
        return ", ".join(found) or "nothing was answered"


class Generator(Protocol):
    """Fires a shot from its core."""

    @property
    def title(self) -> str: ...

    def fire(self, shot: Shot, cores: Set) -> Outcome: ...


def request(token: str = "", *, method: str = "GET", body: bytes = b"", **headers: str) -> bytes:
    """One request as it goes over the wire, with the headers that wrk sends."""
    lines = [f"{method} {PATH} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"Authorization: {token}"] if token else []
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def outcome_of(text: str) -> Outcome:
    """What a generator has printed. Raises BenchError where it did not come to its end."""
    found = re.search(r"^RESULT (\{.*\})$", text, re.MULTILINE)
    if not found:
        raise BenchError(f"the load generator did not come to its end; it said:\n{text[-2000:]}")
    return Outcome(**json.loads(found[1]))


def _told(command: Sequence[str], cores: Set, seconds: float) -> Outcome:
    with on(cores):
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE, check=False)
    return outcome_of(done.stdout + done.stderr)


def _file_of(requests: Sequence[bytes], stack: ExitStack) -> str:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="latch-bench-"))
    path = Path(folder) / "requests"
    path.write_bytes(DIVIDER.join(requests))
    return str(path)


@dataclass(frozen=True, slots=True)
class Wrk:
    """https://github.com/wg/wrk, one thread."""

    program: str

    @property
    def title(self) -> str:
        said = subprocess.run([self.program, "-v"], capture_output=True, text=True, check=False)
        return " ".join((said.stdout + said.stderr).split()[:2])

    def fire(self, shot: Shot, cores: Set) -> Outcome:
        url = f"http://127.0.0.1:{shot.port}{PATH}"
        command = [self.program, "-t1", f"-c{shot.connections}", f"-d{shot.seconds:.0f}s", "--timeout=10s", "--latency"]
        command += ["-s", str(HERE / "load.lua")]
        with ExitStack() as stack:
            if len(shot.requests) == 1 and not shot.once:  # wrk is quickest when no script is asked for each request
                token = re.search(rb"Authorization: ([^\r]*)", shot.requests[0])
                command += ["-H", f"Authorization: {token[1].decode()}"] if token else []
                command += [url]
            else:
                command += [url, "--", _file_of(shot.requests, stack), "once" if shot.once else "again"]
            return _told(command, cores, shot.seconds)


def chosen() -> Generator:
    """wrk. Raises BenchError where it is not installed."""
    program = shutil.which("wrk")
    if not program:
        raise BenchError(
            "wrk is not installed, and sends the load: apt install wrk, dnf install wrk or brew install wrk"
        )
    return Wrk(program)
