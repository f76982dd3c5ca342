"""The process of the private listener: beside one worker and beside several, started again, stopped, and alone."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.commands.test_workers import is_there, listens
from tests.processes import PATIENCE, ROOT, Service, environment, free_port, run, run_here
from tests.test_stopping import until

pytestmark = pytest.mark.slow

DIGNIFIED = 1.0  # seconds within which operators are answered, whatever goes on elsewhere


class Watched(Service):
    """A service with a private listener."""

    def __init__(self, data_dir: Path, **settings: object) -> None:
        self.admin_port = int(str(settings.pop("ADMIN_PORT", 0))) or free_port()
        self.private = httpx.Client(base_url=f"http://localhost:{self.admin_port}", timeout=PATIENCE, trust_env=False)
        super().__init__(data_dir, ready="/readyz", ADMIN_PORT=self.admin_port, **settings)

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            until(lambda: listens(self.admin_port) and self.answers(), self)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *given: Any) -> None:  # noqa: PYI036 - handed on as it comes
        self.private.close()
        super().__exit__(*given)

    def answers(self) -> bool:
        return self.private.get("/readyz").status_code == 200

    def key(self, role: str = "act", name: str = "") -> dict[str, str]:
        made = run(f"keys add {name or f'k{time.monotonic_ns()}'} --role {role}", self.data_dir)
        return {"Authorization": f"Bearer {made.stdout.strip()}"}

    def value(self, name: str, **labels: str) -> float:
        families = text_string_to_metric_families(self.private.get("/metrics").text)
        return sum(
            one.value
            for family in families
            for one in family.samples
            if one.name == name and labels.items() <= one.labels.items()
        )

    def admin_process(self) -> psutil.Process:
        [found] = [
            process
            for process in psutil.Process(self.process.pid).children(recursive=True)
            if any(one.laddr.port == self.admin_port for one in process.net_connections() if one.status == "LISTEN")
            and not any(one.laddr.port == self.port for one in process.net_connections() if one.status == "LISTEN")
        ]
        return found


@pytest.mark.parametrize("workers", [1, 2])
def test_operators_are_served_and_the_metrics_of_all_workers_are_there(folder: Path, workers: int) -> None:
    with Watched(folder, WORKERS=workers) as service:
        tokens = service.log_in()
        asked = service.private.get(f"/admin/v1/users/{tokens['user_id']}/sessions", headers=service.key())
        assert [session["id"] for session in asked.json()["data"]["sessions"]] == [tokens["session_id"]]
        here = service.http.get("/metrics")
        assert (here.status_code, [line for line in here.text.splitlines() if line[0] != "#"]) == (200, [])
        assert "ADMIN_PORT" in here.text
        assert service.http.head("/metrics").status_code == 200
        assert service.http.get("/admin/v1/users/1").status_code == 404
        until(lambda: service.value("latch_logins_total", outcome="ok") == 1, service)  # what a worker has noted, soon
        assert service.value("latch_workers") == service.value("latch_worker_starts_total") == workers
        assert service.value("latch_workers_configured") == workers
        assert service.value("latch_requests_total", route="/admin/v1/users/<user_id:str>/sessions") == 1
        ended = service.private.delete(f"/admin/v1/users/{tokens['user_id']}/sessions", headers=service.key())
        assert ended.json()["data"] == {"ended": 1}
        assert service.value("latch_sessions_ended_total", reason="revoked") == 1
        assert not service.is_live(tokens["token"])
        assert service.stop(signal.SIGTERM) == 0
    assert "Traceback" not in service.text()


@pytest.mark.parametrize(("workers", "stop"), [(1, signal.SIGINT), (2, signal.SIGTERM)])
def test_it_stops_with_the_service_and_leaves_nothing(folder: Path, workers: int, stop: signal.Signals) -> None:
    with Watched(folder, WORKERS=workers) as service:
        processes = psutil.Process(service.process.pid).children(recursive=True)
        assert service.stop(stop) == 0
    until(lambda: not any(is_there(process.pid) for process in processes), service)
    assert not listens(service.admin_port)
    assert "Traceback" not in service.text()


def test_it_is_started_again_when_it_dies_and_the_service_goes_on(folder: Path) -> None:
    with Watched(folder) as service:
        first = service.admin_process()
        first.kill()
        token = service.log_in()["token"]
        until(lambda: not first.is_running() or first.status() == psutil.STATUS_ZOMBIE, service)
        assert service.answers()  # the socket is the main process's: who comes meanwhile waits
        assert service.admin_process().pid != first.pid
        assert service.is_live(token)
        assert service.stop() == 0
    assert f"the admin process {first.pid} has died (-9); starting it again" in service.text()


def test_it_does_not_outlive_a_main_process_that_was_killed(folder: Path) -> None:
    settings: dict[str, Any] = {"ADMIN_PORT": free_port(), "PORT": free_port()}
    with Watched(folder, **settings) as first:
        orphan = first.admin_process()
        first.process.kill()
        first.process.wait(PATIENCE)
    with Watched(folder, **settings) as second:  # which waits for the ports, if it must
        until(lambda: not is_there(orphan.pid), second)
        assert second.stop() == 0


def test_a_stop_that_comes_before_it_serves_is_a_good_end(folder: Path) -> None:
    service = Watched(folder)
    process = service.begin()
    until(lambda: "Latch listens" in service.text(), service)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    assert not listens(service.admin_port)


@pytest.mark.parametrize("same", [True, False])
def test_a_port_that_is_taken_stops_the_start_by_name(folder: Path, unused_port: int, *, same: bool) -> None:
    port = free_port()
    taken = port if same else unused_port
    done = run("serve", folder, PORT=port, ADMIN_PORT=taken)
    assert done.returncode == 2
    assert f"ADMIN_HOST, ADMIN_PORT: cannot listen on 127.0.0.1:{taken}" in done.stderr


@contextmanager
def alone(data_dir: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "run.py", "admin"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(data_dir, ADMIN_PORT=port)) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_can_run_alone(latch: Service, mobile: str, stop: signal.Signals) -> None:
    port = free_port()
    tokens = latch.log_in(mobile)
    key = run_here(f"keys add alone{stop.value} --role act", latch.data_dir).stdout.strip()
    with alone(latch.data_dir, port) as process:
        until(lambda: listens(port), latch)
        with httpx.Client(base_url=f"http://localhost:{port}", timeout=PATIENCE, trust_env=False) as client:
            found = client.post(
                "/admin/v1/users/search", json={"q": mobile}, headers={"Authorization": f"Bearer {key}"}
            ).json()["data"]["users"]
            assert [user["id"] for user in found] == [tokens["user_id"]]
            assert client.get("/metrics").status_code == 200
        process.send_signal(stop)
        assert process.wait(PATIENCE) == 0
    assert "latch_workers" in latch.http.get("/metrics").text  # which has no private listener of its own


def test_alone_it_needs_a_port(folder: Path) -> None:
    done = run_here("admin", folder, ADMIN_PORT=0)
    assert (done.returncode, done.stderr.startswith("ADMIN_PORT: should be a port")) == (2, True)


CHECK = f"GET /app/v1_0/authorizations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {'x' * 64}\r\n\r\n".encode()


async def flood(port: int, until_done: asyncio.Event) -> int:
    """Ask as fast as can be, over one connection; returns the answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = 0
    while not until_done.is_set():
        writer.write(CHECK)
        await reader.readuntil(b"request_id")
        answers += 1
    writer.close()
    await writer.wait_closed()
    return answers


async def test_under_overload_of_the_public_port_operators_are_answered_within_a_second(folder: Path) -> None:
    with Watched(folder, MAX_IN_FLIGHT=8) as service:
        key, over = service.key(), asyncio.Event()
        flooding = [asyncio.create_task(flood(service.port, over)) for _ in range(256)]
        async with httpx.AsyncClient(
            base_url=f"http://localhost:{service.admin_port}", timeout=PATIENCE, trust_env=False
        ) as client:
            slowest = 0.0
            for _ in range(20):
                for path in ("/healthz", "/admin/v1/users/1/sessions"):
                    began = time.monotonic()
                    assert (await client.get(path, headers=key)).status_code in {200, 404}
                    slowest = max(slowest, time.monotonic() - began)
        over.set()
        assert sum(await asyncio.gather(*flooding)) > 256
        assert slowest < DIGNIFIED
