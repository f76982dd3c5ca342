"""The backends of the guards' pages, each a process of its own behind its framework's server."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from tests.clients.gate import Gate
from tests.processes import PATIENCE, ROOT, free_port

LATCH = "http://127.0.0.1:8000"  # in the pages' examples
LIMIT = 1.0  # seconds, of a guard as it ships
PATIENT = 30  # seconds, less than PATIENCE; a busy machine may not answer within LIMIT


def examples(page: Path) -> dict[str, dict[str, str]]:
    """The programs of a page by name: of each its files. `<!-- name/file -->` stands before a block."""
    found: dict[str, dict[str, str]] = {}
    for name, file, text in re.findall(
        r"<!-- (\w+)/([\w.]+) -->\n```\w+\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
    ):
        found.setdefault(name, {})[file] = text
    return found


@dataclass(frozen=True)
class Program:
    """The files of a backend, and how they are served: by `serve.py`'s word for it, or by a command.

    `patience` gives its guard PATIENT seconds, by an option of the page's: texts of the files, and what replaces them.
    """

    name: str
    files: dict[str, str]
    server: str
    patience: dict[str, str]
    is_whole: bool = True  # protects addresses that do not exist, too
    environment: dict[str, str] = field(default_factory=dict)

    def patient(self) -> "Program":
        """The same, whose guard waits for a busy machine."""
        files = self.files
        for text, replacement in self.patience.items():
            assert any(text in content for content in files.values()), text
            files = {file: content.replace(text, replacement) for file, content in files.items()}
        return replace(self, files=files)

    def command(self, port: int) -> list[str]:
        if self.server == "node":
            return ["node", next(iter(self.files)), str(port)]
        return [sys.executable, str(Path(__file__).parent / "serve.py"), self.server, str(port)]


@dataclass(frozen=True)
class Backend:
    """A backend that runs: a client of it, and what stands between it and Latch."""

    program: Program
    http: httpx.Client
    gate: Gate


@contextmanager
def serving(program: Program, folder: Path | None = None) -> Iterator[Backend]:
    """Start it. `folder`: where its files go, a new one by default."""
    with tempfile.TemporaryDirectory(prefix="latch-", dir=folder) as name, Gate() as gate:
        for file, text in program.files.items():
            (Path(name) / file).write_text(text.replace(LATCH, f"http://127.0.0.1:{gate.port}"), encoding="utf-8")
        port = free_port()
        with (Path(name) / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                program.command(port),
                cwd=name,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": f"{ROOT / 'clients/python'}:{name}",
                    **program.environment,
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False) as client:
                _wait_for(client, process, Path(name) / "output.txt")
                gate.reset()
                yield Backend(program, client, gate)
        finally:
            process.kill()
            process.wait()


def _wait_for(client: httpx.Client, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, output.read_text(encoding="utf-8")
        with suppress(httpx.TransportError):
            client.get("/healthz")
            return
        time.sleep(0.05)
    raise AssertionError(output.read_text(encoding="utf-8"))
