"""The examples, typed as their pages say, on ports of their own."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.client import MOBILE
from tests.commands.test_workers import listens
from tests.gateways.programs import wait_for
from tests.processes import AS_SHIPPED, PATIENCE, ROOT, Service, free_port, run_here
from tests.programs import needs, program

NGINX = program("nginx")
EXAMPLE = ROOT / "examples" / "backend-behind-nginx"
PAGE = (EXAMPLE / "README.md").read_text(encoding="utf-8")
LOGIN = re.compile(r"SMS to 138\*{4}8000: (\d+) is your login code")
REVOKE = f"./latch revoke {MOBILE} --yes"

pytestmark = [
    pytest.mark.slow,
    needs("nginx", "the examples"),
]


def commands_after(mark: str) -> list[tuple[str, str]]:
    """What is typed in the blocks after a comment of the page, each with the answer shown under it."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.split(f"<!-- {mark}:")[1].split("<!--")[0], re.DOTALL)
    typed = re.findall(r"^\$ (.*)\n((?!\$ ).*\n)?", "".join(blocks), re.MULTILINE)
    return [(command, answer.strip()) for command, answer in typed]


class Ports:
    """Those of the page, and ours in their place; and a folder of ours in place of /tmp/latch-example."""

    def __init__(self, latch: int, folder: Path) -> None:
        self.front, self.backend = free_port(), free_port()
        self._ours = {
            "127.0.0.1:8000": f"127.0.0.1:{latch}",
            "127.0.0.1:8080": f"127.0.0.1:{self.front}",
            "127.0.0.1:9001": f"127.0.0.1:{self.backend}",
            "/tmp/latch-example": str(folder),
        }

    def put_into(self, text: str) -> str:
        for shown, ours in self._ours.items():
            text = text.replace(shown, ours)
        return text


@contextmanager
def backend(port: int) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, str(EXAMPLE / "backend.py"), str(port)], stderr=subprocess.DEVNULL
    ) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while not listens(port):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


@contextmanager
def nginx(ports: Ports, folder: Path) -> Iterator[None]:
    """nginx, started by the commands of the page."""
    (folder / "nginx.conf").write_text(ports.put_into((EXAMPLE / "nginx.conf").read_text(encoding="utf-8")), "utf-8")
    *prepared, start = [ports.put_into(command) for command, _ in commands_after("nginx")]
    subprocess.run(["sh", "-ec", "\n".join(prepared)], cwd=ROOT, check=True)
    shipped = (folder / "latch.conf").read_text(encoding="utf-8")
    (folder / "latch.conf").write_text(ports.put_into(shipped), encoding="utf-8")
    start = start.replace("$PWD/examples/backend-behind-nginx", str(folder))
    path = f"{Path(str(NGINX)).parent}:{os.environ['PATH']}"
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {start}"], cwd=ROOT, env={"PATH": path}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{ports.front}", trust_env=False, verify=False) as client:
            wait_for(client, process, folder)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def shape(value: Any) -> Any:
    """What the page promises of an answer: its fields, and what is in them where that is the same each time."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return value if value in ("invalid_token", "session_ended", "revoked", ["two lamps"]) else type(value).__name__


def test_the_backend_behind_nginx_does_what_its_page_says() -> None:
    steps = commands_after("transcript")
    assert len(steps) == 8
    with tempfile.TemporaryDirectory(prefix="latch-") as name:
        data, folder = Path(name) / "data", Path(name) / "nginx"
        folder.mkdir()
        with Service(data, SMS_SENDER="console", TRUSTED_PROXIES=1, **AS_SHIPPED) as latch:
            ports = Ports(latch.port, folder)
            with backend(ports.backend), nginx(ports, folder):
                follow(steps, latch, ports)


def follow(steps: list[tuple[str, str]], latch: Service, ports: Ports) -> None:
    """Type what the page says, with the code and the token that are really there."""
    variables: dict[str, str] = {}
    for command, shown in steps:
        if command == REVOKE:
            assert run_here(f"revoke {MOBILE} --yes", latch.data_dir).returncode == 0
        elif command.startswith("curl"):
            answer = typed(ports.put_into(command), variables)
            assert shape(answer) == shape(json.loads(shown)), command
            if found := LOGIN.search(latch.text()):
                variables["CODE"] = found[1]
            if "token" in (data := answer.get("data", {})):
                variables["TOKEN"] = data["token"]
                assert data["user_id"] == 1
            assert answer.get("user_id", "1") == "1"


def typed(command: str, variables: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        ["bash", "-c", command], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
