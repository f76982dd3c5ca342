"""Two hundred events a second, a receiver that is killed and hangs, and a worker that is killed: none is lost."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from service.stores.redis.connection import Connection
from tests.dispatch.conftest import SECRET, append
from tests.processes import ROOT, Service, free_port
from tests.topologies import single

pytestmark = pytest.mark.slow

USERS, ROUNDS, PAUSE = 40, 40, 0.2  # an event for each user in each round: 200 a second
PATIENCE = 20.0  # seconds


class Process:
    """A receiver that can be killed, stopped in its tracks, and started again on its port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.file = folder / f"taken-{self.port}"
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.start()

    def start(self) -> None:
        script = ROOT / "tests" / "dispatch" / "receiver.py"
        self.process = subprocess.Popen([sys.executable, str(script), str(self.port), str(self.file)])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def taken(self) -> list[tuple[str, str, int]]:
        lines = self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else []
        return [tuple(json.loads(line)) for line in lines]

    def ids(self) -> set[str]:
        return {number for number, _, _ in self.taken()}

    def firsts(self) -> dict[str, list[int]]:
        """The numbers of each user's events as they came first."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for _, user, number in self.taken():
            if number not in found[user]:
                found[user].append(number)
        return dict(found)


async def until_all_are_there(receiver: Process) -> None:
    wanted = {str(user): list(range(ROUNDS)) for user in range(1, USERS + 1)}
    deadline = time.monotonic() + PATIENCE
    while len(receiver.ids()) < USERS * ROUNDS and time.monotonic() < deadline:  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(0.2)
    assert receiver.firsts() == wanted


def workers_of(service: Service) -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(service.process.pid)], capture_output=True, text=True, check=True
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "spawn_main" in line]


async def test_none_is_lost_and_none_out_of_order_for_a_user(tmp_path: Path, loop: object) -> None:
    assert loop
    dies, hangs = Process(tmp_path), Process(tmp_path)
    try:
        with single() as url:
            settings: dict[str, Any] = {
                "REDIS_URL": url,
                "CODE_PEPPER": "0f5c2a7be1d43c900f5c2a7be1d43c90",
                "WORKERS": 2,
                "WEBHOOK_URLS": f"{dies.url},{hangs.url}",
                "WEBHOOK_SECRET": SECRET,
            }
            with Service(tmp_path / "data", **settings) as service:
                connection = Connection(url, timeout=10)
                await write(connection, dies, hangs, service)
                await connection.close()
                await until_all_are_there(dies)
                await until_all_are_there(hangs)
    finally:
        for one in (dies, hangs):
            one.send(signal.SIGCONT)
            one.kill()


async def write(connection: Connection, dies: Process, hangs: Process, service: Service) -> None:
    """Events for eight seconds, and what goes wrong meanwhile."""
    begun = time.monotonic()
    for number in range(ROUNDS):
        await append(connection, range(1, USERS + 1), [number])
        if number == 5:
            dies.kill()
            hangs.send(signal.SIGSTOP)
        if number == 12:
            dies.start()
        if number == 20:
            for pid in workers_of(service):  # one of them sends
                os.kill(pid, signal.SIGKILL)
        if number == 30:
            hangs.send(signal.SIGCONT)
        await asyncio.sleep(max(0.0, begun + (number + 1) * PAUSE - time.monotonic()))
