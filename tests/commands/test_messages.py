"""`latch messages`: what became of real messages through a sender that fails and one that works, over two workers."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands.test_admin import Watched
from tests.processes import Finished, run, run_here
from tests.test_stopping import until

pytestmark = pytest.mark.slow


def test_the_command_and_the_route_tell_the_same_of_both_senders(folder: Path, unused_port: int) -> None:
    senders = {
        "SMS_SENDER": "webhook,file",
        "WEBHOOK_URL": f"http://127.0.0.1:{unused_port}",
        "WEBHOOK_SECRET": "whsec_" + "A" * 44,
    }

    def told() -> Any:
        result = run_here("messages --json", folder, **senders)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    with Watched(folder, WORKERS=2, **senders) as service:
        for n in range(12):
            service.log_in(f"1370000{n:04}")
        until(lambda: told()["overall"]["last_hour"]["used"] == 12, service)  # within the seconds between two writes
        by_route = service.private.get("/admin/v1/messages", headers=service.key("look")).json()["data"]
        found = told()
        assert found == by_route
        webhook, file = found["senders"]
        assert (webhook["state"], webhook["last_failure"], file["state"]) == ("failing", "ConnectError", "ok")
        for span in ("last_hour", "last_day"):
            assert [webhook[span][name] for name in ("asked", "sent", "failed")] == [12, 0, 12]
            assert [file[span][name] for name in ("asked", "sent", "failed")] == [12, 12, 0]
            assert file[span]["seconds"]["p95"] is not None
        [prefix] = found["prefixes"]
        counts = {"asked": 12, "sent": 12, "used": 12, "conversion": 1.0}
        assert (prefix["prefix"], prefix["last_hour"], prefix["last_day"]) == ("1370000", counts, counts)
        in_lines: Finished = run("messages", folder, **senders)
    assert in_lines.returncode == 0, in_lines.stderr
    lines = [line.split() for line in in_lines.stdout.splitlines()]
    assert lines[0][:2] == ["SENDER", "STATE"]
    assert lines[1][:7] == ["webhook", "failing", "hour", "12", "0", "12", "0"]
    assert ["1370000", "12", "12", "12", "100", "%", "12", "12", "12", "100", "%", "open"] in lines
    assert "1370000" in run("now", folder, **senders).stdout  # and while the service is down


def test_a_redis_that_is_away_is_named(folder: Path, unused_port: int) -> None:
    redis = f"redis://127.0.0.1:{unused_port}"
    result = run_here("messages", folder, REDIS_URL=redis, CODE_PEPPER="x" * 32)
    assert result.returncode == 1
    assert redis in result.stderr
