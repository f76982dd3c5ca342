"""Stopping under load, and workers that die: processes and signals."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import psutil
import pytest

from tests.client import BASE, MOBILE
from tests.processes import PATIENCE, Service, ServiceAtTerminal
from tests.senders.conftest import WEBHOOK_SECRET

pytestmark = pytest.mark.slow


class SlowProvider(ThreadingHTTPServer):
    """An SMS provider that answers when it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SlowAnswer)
        self.asked, self.may_answer = Event(), Event()

    @property
    def settings(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.server_address[1]}"
        return {"SMS_SENDER": "webhook", "WEBHOOK_URL": url, "WEBHOOK_SECRET": WEBHOOK_SECRET, "SMS_TIMEOUT": 40}


class SlowAnswer(BaseHTTPRequestHandler):
    server: SlowProvider

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.set()
        self.server.may_answer.wait(PATIENCE)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[SlowProvider]:
    with SlowProvider() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.may_answer.set()
        server.shutdown()
        thread.join()


@contextmanager
def request_in_flight(service: Service, provider: SlowProvider) -> Iterator[Future[httpx.Response]]:
    """A code is being sent: the provider has been asked and does not answer yet."""
    with ThreadPoolExecutor(1) as pool:
        try:
            sending = pool.submit(service.http.post, f"{BASE}/sms/codes", json={"mobile": MOBILE})
            assert provider.asked.wait(PATIENCE)
            yield sending
        finally:
            provider.may_answer.set()


def until_stopping(service: Service) -> None:
    """Wait until /readyz no longer says that the service is ready, on a connection of its own each time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            response = httpx.get(f"http://127.0.0.1:{service.port}/readyz", trust_env=False, verify=False)
            if response.status_code == 200 or response.headers["connection"] != "close":
                continue  # or a store was late, on a busy machine
            assert response.json()["error"] == "service_unavailable"
        return
    pytest.fail("still ready")


def all_are_stopping(log: str) -> bool:
    """Whether each worker that lives has been told."""
    return log.count("Stopping worker [") == log.count("Worker ready [") - log.count("has died (")


def is_refused(service: Service) -> bool:
    """Whether a new connection gets no answer, or that the service is stopping."""
    try:
        return httpx.get(f"http://127.0.0.1:{service.port}{BASE}/user", trust_env=False).status_code == 503
    except httpx.TransportError:
        return True


def to_the_main_process(service: Service, stop: signal.Signals) -> None:
    service.process.send_signal(stop)


def to_all_of_the_group(service: Service, stop: signal.Signals) -> None:
    os.killpg(service.process.pid, stop)


def to_all_of_the_unit(service: Service, stop: signal.Signals) -> None:
    """As systemd does: whatever has come from the main process, the embedded Redis too."""
    main = psutil.Process(service.process.pid)
    for process in (main, *main.children(recursive=True)):
        process.send_signal(stop)


Send = Callable[[Service, signal.Signals], None]


def stop_in_the_middle(
    service: Service, provider: SlowProvider, stop: signal.Signals, send: Send = to_the_main_process
) -> None:
    """Stop while a request is in flight, and see it answered, the next ones refused, and more signals ignored."""
    with request_in_flight(service, provider) as sending:
        send(service, stop)
        until_stopping(service)
        until(lambda: all_are_stopping(service.text()), service)
        until(lambda: all(is_refused(service) for _ in range(10)), service)  # a worker says so before it does so
        refused = []
        for _ in range(3):
            send(service, stop)
            with suppress(httpx.TransportError):
                refused.append(httpx.get(f"http://127.0.0.1:{service.port}{BASE}/user", trust_env=False))
        assert {answer.status_code for answer in refused} <= {503}
        assert {answer.headers["connection"] for answer in refused} <= {"close"}
        assert service.process.poll() is None
        provider.may_answer.set()
        answer = sending.result(PATIENCE)
    assert answer.status_code == 200
    assert answer.headers["connection"] == "close"
    assert service.process.wait(PATIENCE) == 0, service.text()
    assert "Traceback" not in service.text()
    assert not list(service.data_dir.glob("redis.sock"))


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_answers_what_is_in_flight_and_refuses_the_rest_whatever_signals_follow(
    folder: Path, provider: SlowProvider, stop: signal.Signals
) -> None:
    with ServiceAtTerminal(folder, GRACEFUL_TIMEOUT=60, **provider.settings) as service:
        stop_in_the_middle(service, provider, stop)


@pytest.mark.parametrize(
    ("send", "stop", "workers"),
    [
        (to_all_of_the_group, signal.SIGTERM, 2),
        (to_all_of_the_group, signal.SIGHUP, 2),
        (to_all_of_the_unit, signal.SIGTERM, 1),
        (to_all_of_the_unit, signal.SIGTERM, 2),
    ],
)
def test_a_signal_to_all_processes_cuts_nobody_off(
    folder: Path, provider: SlowProvider, send: Send, stop: signal.Signals, workers: int
) -> None:
    with ServiceAtTerminal(folder, WORKERS=workers, GRACEFUL_TIMEOUT=60, **provider.settings) as service:
        stop_in_the_middle(service, provider, stop, send)


@pytest.mark.parametrize(("workers", "stop"), [(1, signal.SIGTERM), (2, signal.SIGHUP)])
def test_a_stop_in_the_middle_of_the_start_is_a_good_end_that_leaves_nothing_behind(
    folder: Path, workers: int, stop: signal.Signals
) -> None:
    service = ServiceAtTerminal(folder, WORKERS=workers)
    process = service.begin()
    deadline = time.monotonic() + PATIENCE
    while not (folder / "redis.sock").exists():
        assert time.monotonic() < deadline, service.text()
        time.sleep(0.005)
    for _ in range(3):
        os.killpg(process.pid, stop)
    assert process.wait(PATIENCE) == 0
    assert "Traceback" not in service.text()
    assert not (folder / "redis.sock").exists()


def test_who_was_told_to_outlive_the_terminal_does(folder: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
    try:
        with ServiceAtTerminal(folder) as service:
            to_all_of_the_group(service, signal.SIGHUP)
            assert service.http.get("/readyz").status_code == 200
            assert service.stop() == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_supervisors_reload_does_no_harm(folder: Path, workers: int) -> None:
    with Service(folder, WORKERS=workers) as service:
        token = service.log_in()["token"]
        before = {process.pid for process in psutil.Process(service.process.pid).children(recursive=True)}
        to_all_of_the_group(service, signal.SIGHUP)
        assert service.is_live(token)
        assert {process.pid for process in psutil.Process(service.process.pid).children(recursive=True)} == before
        assert service.stop(signal.SIGTERM) == 0


def test_a_stop_waits_no_longer_than_it_is_told(folder: Path, provider: SlowProvider) -> None:
    with Service(folder, GRACEFUL_TIMEOUT=0, **provider.settings) as service:
        with request_in_flight(service, provider) as sending:
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(PATIENCE) == 0
            assert not provider.may_answer.is_set()
            with suppress(httpx.TransportError):
                assert sending.result(PATIENCE).status_code in {400, 503}
        assert not list(folder.glob("redis.sock"))


def test_a_stop_does_not_wait_for_clients_that_send_nothing_or_half_a_request(folder: Path) -> None:
    with Service(folder, GRACEFUL_TIMEOUT=600) as service:
        silent = socket.create_connection(("127.0.0.1", service.port))
        halting = socket.create_connection(("127.0.0.1", service.port))
        with silent, halting:
            halting.sendall(f"GET {BASE}/user HTTP/1.1\r\nHost: x\r\n".encode())
            service.http.get("/healthz")
            assert service.stop(signal.SIGTERM) == 0


def test_of_three_workers_one_that_dies_is_started_again_and_all_stop_as_one_does(
    folder: Path, provider: SlowProvider
) -> None:
    with Service(folder, WORKERS=3, GRACEFUL_TIMEOUT=60, **provider.settings) as service:
        until(lambda: len(ready_workers(service)) == 3, service)
        victim = ready_workers(service)[0]
        os.kill(victim, signal.SIGKILL)
        answered = 0
        for _ in range(20):
            with suppress(httpx.TransportError):  # what was in the hands of the dead one
                answered += service.http.get(f"{BASE}/user").status_code == 401
        assert answered >= 10
        until(lambda: len(ready_workers(service)) == 4, service)
        assert f"worker {victim} has died (-9); starting it again" in service.text()
        stop_in_the_middle(service, provider, signal.SIGTERM)


def ready_workers(service: Service) -> list[int]:
    """The process ids of all workers that have ever been ready."""
    return [int(pid) for pid in re.findall(r"Worker ready \[(\d+)\]", service.text())]


def until(true: Callable[[], bool], service: Service) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, service.text()
        time.sleep(0.05)
