"""Several workers, and what becomes of them when the main process is killed."""

import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from config import Settings
from service.commands import workers
from service.commands.workers import Workers
from tests.commands.workers_that_fail import fail, ready_and_deaf
from tests.processes import PATIENCE, Service, free_port
from tests.test_stopping import SlowProvider, provider, ready_workers, request_in_flight, until

pytestmark = pytest.mark.slow

__all__ = ["provider"]


def is_there(pid: int) -> bool:
    """Whether a process exists and is no zombie that nobody has waited for yet."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    return False


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_workers_of_killed_main_processes_answer_what_is_in_flight_make_way_and_end(
    folder: Path, provider: SlowProvider
) -> None:
    settings: dict[str, Any] = {"WORKERS": 2, "PORT": free_port()}
    with Service(folder, **settings, **provider.settings) as first:
        until(lambda: len(ready_workers(first)) == 2, first)
        with request_in_flight(first, provider) as sending:
            first.process.kill()
            first.process.wait(PATIENCE)
            until(lambda: not listens(first.port), first)
            assert not sending.done()
            provider.may_answer.set()
            assert sending.result(PATIENCE).status_code == 200
    second = Service(folder, **settings)
    second.begin()
    until(lambda: listens(second.port), second)  # its workers are on their way
    second.process.kill()
    second.process.wait(PATIENCE)
    with Service(folder, **settings) as third:
        assert third.is_live(third.log_in()["token"])
        until(lambda: not any(map(is_there, ready_workers(first) + ready_workers(second))), third)
        assert third.stop(signal.SIGTERM) == 0
    assert "Traceback" not in first.text() + third.text()
    assert not (folder / "redis.sock").exists()


def of_this_test(count: int) -> Workers:
    """Workers on a port of their own; standard error does for a lock."""
    settings = Settings.model_construct(workers=count, graceful_timeout=0)
    return Workers(settings, socket.create_server(("127.0.0.1", 0)), 2)


def test_a_worker_that_cannot_start_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "work", fail)
    assert not of_this_test(2).run(lambda: pytest.fail("nobody is ready"))
    assert "could not start (3)" in caplog.text


def test_a_worker_that_does_not_end_in_time_is_killed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "work", ready_and_deaf)
    monkeypatch.setattr(workers, "STOP_MARGIN", 0.1)

    def interrupt() -> None:
        raise KeyboardInterrupt

    assert of_this_test(1).run(interrupt)
    assert "did not end and is killed" in caplog.text
