"""`latch change-number`, typed as an operator types it."""

import getpass
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.commands.test_admin import Watched
from tests.processes import Service, run, run_here
from tests.test_stopping import until

pytestmark = pytest.mark.slow


@pytest.fixture
def new(mobile: str) -> str:
    """Another number that no other test has."""
    return f"167{mobile[3:]}"


def notices(service: Service, mobile: str) -> list[str]:
    lines = (service.data_dir / "sms.jsonl").read_text(encoding="utf-8").splitlines()
    return [sms["text"] for sms in map(json.loads, lines) if sms["mobile"] == mobile and sms["code"] is None]


def as_the_service(command: str, service: Service, answer: str = "", **settings: object) -> Any:
    return run_here(command, service.data_dir, answer, SMS_SENDER="file", **settings)


def test_it_asks_changes_the_number_and_tells_the_old_one(latch: Service, mobile: str, new: str) -> None:
    tokens = latch.log_in(mobile)
    command = f"change-number {mobile} {new} --reason 'lost phone'"
    declined = as_the_service(command, latch, "n\n")
    assert declined.returncode == 1
    assert f"{mobile[:3]}****{mobile[-4:]}, to 167****{new[-4:]}, and end every session?" in declined.stderr
    assert latch.is_live(tokens["token"])
    done = run(command, latch.data_dir, "y\n", SMS_SENDER="file")
    assert done.returncode == 0, done.stderr
    who = f"user {tokens['user_id']}, 167****{new[-4:]}"
    assert done.stdout == f"{who}: that is the number now; the old one was told\n"
    assert not latch.is_live(tokens["token"])
    assert len(notices(latch, mobile)) == 1
    assert latch.log_in(new)["user_id"] == tokens["user_id"]
    again = as_the_service(f"{command} --yes".replace(mobile, str(tokens["user_id"]), 1), latch)
    assert (again.returncode, again.stdout) == (0, f"{who}: that is the number already\n")
    listed = json.loads(
        run_here(f"events --user {tokens['user_id']} --kind mobile_changed --json", latch.data_dir).stdout
    )
    [event] = listed["events"]
    assert (event["operator"], event["reason"]) == (getpass.getuser(), "lost phone")


def test_a_number_is_taken_where_that_is_typed(latch: Service, mobile: str, new: str) -> None:
    user_id, holder = latch.log_in(mobile)["user_id"], latch.log_in(new)
    command = f"change-number {user_id} '+86 {new}' --yes --reason recycled --json"
    refused = as_the_service(command, latch)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "belongs to another account. With --take" in refused.stderr.replace("\n", " ")
    assert latch.is_live(holder["token"])
    done = as_the_service(f"{command} --take", latch)
    robbed = holder["user_id"]
    assert json.loads(done.stdout) == {"user_id": user_id, "mobile": new, "taken_from": robbed, "told": True}
    assert not latch.is_live(holder["token"])
    listed = run_here(f"sessions {robbed}", latch.data_dir)
    assert f"user {robbed}, who has no number, active: 0 sessions" in listed.stdout
    unlocked = run_here(f"unlock {robbed}", latch.data_dir)
    assert (unlocked.returncode, f"user {robbed} has no number" in unlocked.stderr) == (1, True)
    for verb in ("disable --yes", "enable"):
        assert run_here(f"{verb} {robbed}", latch.data_dir).returncode == 0
    given = as_the_service(f"change-number {robbed} 168{new[3:]} --yes --reason found", latch)
    assert "the old one was NOT told" in given.stdout


@pytest.mark.parametrize("reason", ["", "--reason ''", "--reason ' '"])
def test_it_takes_a_reason(folder: Path, reason: str) -> None:
    done = run_here(f"change-number 1 13900139000 --yes {reason}", folder)
    assert (done.returncode, "--reason" in done.stderr) == (2, True)


def test_what_cannot_be_done_is_said(latch: Service, mobile: str, new: str) -> None:
    user_id = latch.log_in(mobile)["user_id"]
    for arguments, code, words in (
        (f"{user_id} 12345", 2, "NUMBER should be a mobile number"),
        (f"4711 {new}", 1, "there is no user 4711"),
        (f"nobody {new}", 1, "there is no user nobody"),
    ):
        done = as_the_service(f"change-number {arguments} --yes --reason x", latch)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    fixed = as_the_service(f"change-number {user_id} {new} --yes --reason x", latch, TEST_CODES=f"{new}=246810")
    assert (fixed.returncode, "is a number of TEST_CODES" in fixed.stderr) == (2, True)


def test_what_the_console_sender_prints_is_no_part_of_the_answer(latch: Service, mobile: str, new: str) -> None:
    user_id = latch.log_in(mobile)["user_id"]
    done = run_here(f"change-number {user_id} {new} --yes --json --reason x", latch.data_dir)
    assert json.loads(done.stdout)["told"] is True
    assert f"SMS to {mobile[:3]}****{mobile[-4:]}" in done.stderr


def test_it_works_while_the_service_is_down(folder: Path) -> None:
    with Service(folder) as service:
        tokens = service.log_in()
        service.stop()
    done = run_here("change-number 13800138000 13900139000 --yes --reason 'lost phone'", folder, SMS_SENDER="file")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(folder / "latch.sqlite3")) as database:
        rows = database.execute("SELECT id, mobile, name FROM users").fetchall()
    assert rows == [(tokens["user_id"], "13900139000", "13900139000")]


def test_the_process_of_the_private_listener_sends_what_is_told(folder: Path, mobile: str, new: str) -> None:
    with Watched(folder) as service:
        tokens = service.log_in(mobile)
        path, body = f"/admin/v1/users/{tokens['user_id']}/mobile", {"mobile": new}
        key = service.key()
        refused = service.private.put(path, json=body, headers=key)
        assert (refused.status_code, set(refused.json()["fields"])) == (400, {"X-Reason"})
        done = service.private.put(path, json=body, headers={**key, "X-Reason": "%E6%8D%A2%E5%8D%A1"})
        assert (done.status_code, done.json()["data"]["told"]) == (200, True)
        assert len(notices(service, mobile)) == 1
        until(lambda: service.value("latch_sms_total", sender="file", outcome="sent") == 2, service)
        assert not service.is_live(tokens["token"])
        assert service.stop() == 0
        text = service.text()
    assert "Traceback" not in text
    assert not [number for number in (mobile, new) if number in text]
