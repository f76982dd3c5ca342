"""The audit trail as an operator reads it, compared with what was done, over two workers and a kill."""

import csv
import getpass
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client import bearer
from tests.processes import Service, run, run_here

pytestmark = pytest.mark.slow

WRITTEN = 1.0  # seconds until an event is in the database, as docs/audit.md has it


def listed(data_dir: Path, options: str = "") -> list[dict[str, Any]]:
    result = run_here(f"events --json --limit 1000 {options}", data_dir)
    found: list[dict[str, Any]] = json.loads(result.stdout)["events"]
    return found


def listed_soon(data_dir: Path, options: str, count: int) -> list[dict[str, Any]]:
    until = time.monotonic() + 20
    while len(found := listed(data_dir, options)) < count and time.monotonic() < until:
        time.sleep(0.1)
    return found


def test_who_threw_whom_out_and_why(latch: Service, mobile: str) -> None:
    tokens = latch.log_in_on("Xiao Ming's phone", mobile)
    assert run_here(f"revoke {mobile} --yes --reason 'lost phone'", latch.data_dir).returncode == 0
    revoked, login, *_ = listed_soon(latch.data_dir, f"--user {mobile}", 2)
    assert [revoked["kind"], login["kind"]] == ["session_revoked", "login"]
    assert (revoked["operator"], revoked["reason"]) == (getpass.getuser(), "lost phone")
    assert login["session_id"] == revoked["session_id"] == tokens["session_id"]
    assert (login["device"], login["ip"], login["operator"]) == ("Xiao Ming's phone", "127.0.0.1", None)
    by_operator = listed(latch.data_dir, f"--user {tokens['user_id']} --operator {getpass.getuser()}")
    assert [event["kind"] for event in by_operator] == ["session_revoked"]


def test_the_trail_is_a_table_that_goes_on(latch: Service, mobile: str) -> None:
    user_id, *_ = [latch.log_in(mobile)["user_id"] for _ in range(3)]
    listed_soon(latch.data_dir, f"--user {user_id} --kind login", 3)
    first = run(f"events --user {user_id} --kind login --limit 2", latch.data_dir)
    head, *rows, more = first.stdout.splitlines()
    assert first.returncode == 0
    assert head.split()[:3] == ["AT", "EVENT", "USER"]
    assert [row.split()[2:4] for row in rows] == [["login", str(user_id)]] * 2
    rest = run_here(f"events --user {user_id} --kind login {more.removeprefix('there are more: ')}", latch.data_dir)
    assert len(rest.stdout.splitlines()) == 2
    assert mobile not in first.stdout + rest.stdout


def test_the_trail_as_csv_is_whole_or_as_long_as_asked_for(latch: Service, mobile: str) -> None:
    user_id, *_ = [latch.log_in(mobile)["user_id"] for _ in range(3)]
    listed_soon(latch.data_dir, f"--user {user_id} --kind login", 3)
    whole = run(f"events --csv --user {user_id} --kind login", latch.data_dir)
    head, *rows = list(csv.reader(whole.stdout.splitlines()))
    assert (whole.returncode, head[:4]) == (0, ["id", "at", "kind", "user_id"])
    assert [row[2:4] for row in rows] == [["login", str(user_id)]] * 3
    cut = run_here(f"events --csv --user {user_id} --kind login --limit 2", latch.data_dir)
    *_, last = csv.reader(cut.stdout.splitlines())
    rest = run_here(f"events --csv --user {user_id} --kind login --cursor {last[0].split()[-1]}", latch.data_dir)
    assert list(csv.reader(rest.stdout.splitlines())) == [head, rows[-1]]
    none = run_here("events --csv --until 2001-01-01", latch.data_dir)
    assert (none.returncode, none.stdout.splitlines()) == (1, [",".join(head)])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("--csv --json", 2),
        ("--since yesterday", 2),
        ("--limit 0", 2),
        ("--kind dinner", 2),
        ("--cursor x", 1),
        ("--user nobody", 1),
    ],
)
def test_what_cannot_be_asked_is_refused(latch: Service, options: str, code: int) -> None:
    assert run_here(f"events {options}", latch.data_dir).returncode == code


def test_no_events_is_told_and_nothing_to_be_done(latch: Service) -> None:
    result = run_here("events --until 2001-01-01", latch.data_dir)
    assert (result.returncode, result.stdout) == (1, "no events\n")


@pytest.mark.slow
def test_over_two_workers_and_a_kill_at_most_the_last_second_is_missing(folder: Path) -> None:
    done: list[tuple[float, str]] = []
    with Service(folder, WORKERS=2) as service:
        for number in range(60):
            tokens = service.log_in(f"137000000{number:02}")
            done.append((time.time(), tokens["session_id"]))
            if number % 10 == 9:
                time.sleep(0.2)
        killed = time.time()
        os.killpg(service.process.pid, signal.SIGKILL)
        service.process.wait()
    with Service(folder):  # takes over the Redis that was left behind, and stops it
        kept = [event["session_id"] for event in listed(folder, "--kind login")]
    assert len(set(kept)) == len(kept)
    assert {session for at, session in done if at < killed - WRITTEN} <= set(kept) <= {session for _, session in done}


@pytest.mark.slow
def test_a_stop_loses_nothing(folder: Path) -> None:
    with Service(folder, WORKERS=2) as service:
        tokens = [service.log_in(f"137000000{number:02}") for number in range(10)]
        for each in tokens:
            assert service.http.delete("/app/v1_0/authorizations", headers=bearer(each["token"])).status_code == 204
        service.stop(signal.SIGTERM)
    expected = sorted(each["session_id"] for each in tokens)
    for kind in ("login", "logout"):
        assert sorted(event["session_id"] for event in listed(folder, f"--kind {kind}")) == expected


def test_a_session_is_ended_though_the_trail_cannot_be_written(latch: Service, mobile: str, unused_port: int) -> None:
    tokens = latch.log_in(mobile)
    away = f"postgres://latch:secret@127.0.0.1:{unused_port}/latch"
    command = f"revoke {tokens['user_id']} --session {tokens['session_id']} --yes"
    result = run_here(command, latch.data_dir, DATABASE_URL=away)
    assert (result.returncode, latch.is_live(tokens["token"])) == (0, False), result.stderr
    assert "not in the audit trail, but in this log: 1 event(s)" in result.stderr
