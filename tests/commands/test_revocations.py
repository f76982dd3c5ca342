"""`revoke` with a filter, typed as an operator types it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from redis import Redis

from tests.processes import PATIENCE, ROOT, Service, environment, run, run_here
from tests.test_stopping import until

pytestmark = pytest.mark.slow

ONE, OTHER = "16900000001", "16800000002"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service of these tests alone: `--everyone` spares nobody."""
    with TemporaryDirectory(prefix="latch-") as name, Service(Path(name) / "data") as running:
        yield running


@pytest.fixture
def devices(service: Service) -> list[dict[str, Any]]:
    return [service.log_in_on("phone", ONE), service.log_in_on("tablet", ONE), service.log_in_on("phone", OTHER)]


def live(service: Service, devices: list[dict[str, Any]]) -> list[bool]:
    return [service.is_live(device["token"]) for device in devices]


def test_they_are_counted_then_asked_for_and_then_ended(service: Service, devices: list[dict[str, Any]]) -> None:
    refused = run_here("revoke --prefix 169", service.data_dir, "n\n")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "End 2 sessions (prefix 169)? [y/N]" in refused.stderr
    assert live(service, devices) == [True, True, True]
    done = run("revoke --prefix 169", service.data_dir, "y\n")
    assert (done.returncode, done.stdout) == (0, "prefix 169: ended 2 of 2 sessions\n"), done.stderr
    assert live(service, devices) == [False, False, True]
    again = run_here("revoke --prefix 169 --yes", service.data_dir)
    assert (again.returncode, again.stdout) == (1, "prefix 169: ended 0 of 0 sessions\n")


def test_a_user_and_a_filter_go_together(service: Service, devices: list[dict[str, Any]]) -> None:
    done = run_here(f"revoke {ONE} --device phone --yes --json", service.data_dir)
    job = json.loads(done.stdout)
    assert (job["state"], job["matched"], job["ended"], job["what"]) == ("done", 1, 1, "users 1, device phone")
    assert live(service, devices) == [False, True, True]


def test_users_come_from_a_file_or_from_standard_input(
    service: Service, devices: list[dict[str, Any]], tmp_path: Path
) -> None:
    listed = tmp_path / "users"
    listed.write_text(f"+86 {ONE[:3]} {ONE[3:]}\n\n{devices[2]['user_id']}\n", encoding="utf-8")
    assert run_here(f"revoke --users {listed} --device phone --yes", service.data_dir).returncode == 0
    assert live(service, devices) == [False, True, False]
    assert run_here("revoke --users - --yes", service.data_dir, f"{ONE}\n").returncode == 0
    assert live(service, devices) == [False, False, False]


def test_everybody_takes_a_reason_and_then_stands_in_the_trail(service: Service, devices: list[dict[str, Any]]) -> None:
    for reason in ("", "--reason ' '"):
        refused = run_here(f"revoke --everyone --yes {reason}", service.data_dir)
        assert (refused.returncode, refused.stderr) == (2, "--reason is due for everybody: say why\n")
    assert live(service, devices) == [True] * 3
    assert run_here("revoke --everyone --yes --reason 'a drill'", service.data_dir).returncode == 0
    assert live(service, devices) == [False] * 3
    trail = json.loads(run_here("events --kind session_revoked --limit 3 --json", service.data_dir).stdout)["events"]
    assert {event["session_id"] for event in trail} == {device["session_id"] for device in devices}
    assert {event["reason"] for event in trail} == {"a drill"}
    [over] = json.loads(run_here("events --kind revocation_ended --limit 1 --json", service.data_dir).stdout)["events"]
    assert over["reason"].startswith("a drill; ")
    assert over["reason"].endswith("everyone: done, 3 of 3 sessions ended")
    assert over["operator"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "everyone nothing says whose"),
        ("--everyone --prefix 138 --reason x", "everyone goes with `before` alone"),
        ("--prefix 13", "prefix should be the first digits"),
        ("--prefix ''", "prefix should be"),
        ("--ip ''", "ip should be"),
        ("--ip 0.0.0.0/0", "ip is everybody"),
        ("--device ''", "device should be"),
        ("--before yesterday", "before should be a time"),
        ("--before 2999-01-01", "before is yet to come"),
        ("--users /nowhere", "--users cannot be read: FileNotFoundError"),
        ("--users /dev/null --yes", "users should be a list"),
        ("--users -", "--users - needs --yes"),
        ("4711 --session x --ip ::1", "--session goes with one user"),
        ("--session x", "--session goes with one user"),
        ("13700137000 --device x", "users nobody has 137****7000"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(service: Service, typed: str, said: str) -> None:
    done = run_here(f"revoke {typed}", service.data_dir)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_redis_that_is_away_is_told(folder: Path, unused_port: int) -> None:
    done = run(
        "revoke 4711 --device x --yes", folder, REDIS_URL=f"redis://127.0.0.1:{unused_port}", CODE_PEPPER="x" * 32
    )
    assert done.returncode == 1
    assert "Redis at redis://127.0.0.1" in done.stderr


def test_it_works_while_the_service_is_down(folder: Path) -> None:
    with Service(folder) as service:
        tokens = service.log_in(ONE)
        service.stop()
    assert run("revoke --ip 127.0.0.1 --yes", folder).returncode == 0
    with Service(folder) as service:
        assert not service.is_live(tokens["token"])


MANY = 50_000  # and one


FILL = """
local record, first = redis.call('GET', KEYS[1]), tonumber(ARGV[1])
for n = first, first + ARGV[2] - 1 do
  local id = string.format('%016x', n)
  redis.call('SET', 'session:{' .. n .. '}:' .. id, record, 'PX', 86400000)
  redis.call('SET', 'sessions:{' .. n .. '}', id, 'PX', 86400000)
end
"""
STEP = 10_000


def fill(redis: Any, pattern: dict[str, Any]) -> None:
    """One session each for many users, copies of this one."""
    key = f"session:{{{pattern['user_id']}}}:{pattern['session_id']}"
    for first in range(1_000_000, 1_000_000 + MANY, STEP):
        redis.eval(FILL, 1, key, first, STEP)


def test_very_many_end_and_ctrl_c_stops_it_and_says_how_far_it_got(folder: Path) -> None:
    with Service(folder) as service, Redis(unix_socket_path=str(folder / "redis.sock")) as redis:
        fill(redis, service.log_in())
        before = redis.dbsize()
        command = [sys.executable, "run.py", "revoke", "--everyone", "--yes", "--reason", "x", "--json"]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as revoking:
            until(lambda: redis.dbsize() < before - 1000, service)  # the lists of users without a session go
            revoking.send_signal(signal.SIGINT)
            printed, _ = revoking.communicate(timeout=PATIENCE)
        job = json.loads(printed)
        assert (revoking.returncode, job["state"], job["matched"]) == (1, "stopped", MANY + 1)
        assert 1000 < job["ended"] < MANY
        rest = json.loads(run("revoke --everyone --yes --reason x --json", folder).stdout)
        assert (rest["state"], rest["ended"]) == ("done", MANY + 1 - job["ended"])
        trail = run("events --kind revocation_ended --json", folder).stdout
        assert f"stopped, {job['ended']} of {MANY + 1} sessions ended" in trail
        assert service.stop() == 0
