"""`latch now`: as the route tells it, while the service runs and while it does not."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.commands.test_admin import Watched
from tests.processes import Finished, Service, run, run_here
from tests.test_stopping import until

pytestmark = pytest.mark.slow


def told(data_dir: Path) -> Any:
    result = run_here("now --json", data_dir, SMS_SENDER="file")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_over_two_workers_the_command_and_the_route_tell_the_same_and_a_stop_loses_nothing(folder: Path) -> None:
    with Watched(folder, WORKERS=2) as service:
        for number in range(6):
            service.log_in(f"137000000{number:02}")
        key = service.key("look")

        def counted() -> bool:
            logins: int = sum(minute["logins"] for minute in told(folder)["by_minute"])
            return logins == 6

        until(counted, service)  # within the seconds between two writes
        by_command = told(folder)
        by_route = service.private.get("/admin/v1/now", headers=key).json()["data"]
        assert by_command["active"] == by_route["active"] == {"last_5_minutes": 6, "last_hour": 6, "last_day": 6}
        assert by_route["sessions"]["estimated_at"]  # soon after the start
        assert by_command["senders"] == by_route["senders"]
        assert (by_route["senders"][0]["state"], by_route["senders"][0]["sent"]) == ("ok", 6)
        service.log_in("13700000099")
        service.stop(signal.SIGTERM)
    assert told(folder)["active"]["last_5_minutes"] == 7
    assert told(folder)["sessions"]["live"] == 7


def test_people_read_it_in_lines(latch: Service, mobile: str) -> None:
    latch.log_in(mobile)
    result: Finished = run("now", latch.data_dir, SMS_SENDER="file")
    assert result.returncode == 0, result.stderr
    redis, database, active, sessions, hour, heads, sender, guard, columns, overall, *_ = result.stdout.splitlines()
    assert (redis, database) == ("redis: ok", "database: ok")
    assert active.startswith("people active: ")
    assert sessions.startswith("live sessions: about ")
    assert hour.startswith("last hour: ")
    assert heads.split()[:2] == ["NAME", "STATE"]
    assert sender.split()[0] == "file"
    assert guard.startswith("the conversion guard ")
    assert (columns.split()[0], overall.split()[0]) == ("PREFIX", "all")


def test_a_store_that_is_away_is_named(latch: Service, unused_port: int) -> None:
    away = f"postgres://latch:secret@127.0.0.1:{unused_port}/latch"
    result = run_here("now", latch.data_dir, DATABASE_URL=away)
    assert result.returncode == 1
    place = f"postgres://127.0.0.1:{unused_port}/latch"
    redis, database, *_ = result.stdout.splitlines()
    assert redis == "redis: ok"
    assert database.startswith(f"database: the database at {place} does not answer")
    assert "people active" in result.stdout
    redis = f"redis://127.0.0.1:{unused_port}"
    result = run_here("now --json", latch.data_dir, REDIS_URL=redis, CODE_PEPPER="x" * 32)
    assert (result.returncode, json.loads(result.stdout)["active"]) == (1, None)
