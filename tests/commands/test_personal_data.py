"""`latch erase` and `latch export`, typed as an operator types them."""

import getpass
import json
from pathlib import Path

import pytest

from tests.commands.test_events import listed, listed_soon
from tests.processes import Service, run, run_here

pytestmark = pytest.mark.slow


def test_export_prints_all_or_writes_a_file_for_its_owner_alone(latch: Service, mobile: str, tmp_path: Path) -> None:
    tokens = latch.log_in_on("Xiao Ming's phone", mobile)
    listed_soon(latch.data_dir, f"--user {mobile}", 1)
    printed = run(f"export {mobile} --reason 'court order'", latch.data_dir)
    assert printed.returncode == 0, printed.stderr
    exported = json.loads(printed.stdout)
    assert (exported["user_id"], exported["user"]["mobile"]) == (tokens["user_id"], mobile)
    assert [session["device"] for session in exported["sessions"]] == ["Xiao Ming's phone"]
    assert "login" in {event["kind"] for event in exported["events"]}
    out = tmp_path / "person.json"
    command = f"export {tokens['user_id']} --reason 'court order' --out {out}"
    assert run_here(command, latch.data_dir).stdout == ""
    assert json.loads(out.read_text())["user"] == exported["user"]
    assert out.stat().st_mode & 0o777 == 0o600
    again = run_here(command, latch.data_dir)
    assert (again.returncode, "File exists" in again.stderr) == (2, True)
    [event, other] = listed_soon(latch.data_dir, f"--user {mobile} --kind user_exported", 1)
    assert other["id"] < event["id"]  # the two that were given, and not the third
    assert (event["operator"], event["reason"]) == (getpass.getuser(), "court order")


def test_no_file_is_left_where_nothing_was_exported(latch: Service, tmp_path: Path) -> None:
    out = tmp_path / "nobody.json"
    assert run_here(f"export 999999 --reason x --out {out}", latch.data_dir).returncode == 1
    assert not out.exists()


def test_erase_asks_and_tells_counts(latch: Service, mobile: str) -> None:
    tokens = latch.log_in(mobile)
    command = f"erase {mobile} --reason 'asked for it'"
    for answer in ("", "n\n"):
        assert run_here(command, latch.data_dir, answer).returncode == 1
    assert latch.is_live(tokens["token"])
    erased = json.loads(run(f"{command} --json", latch.data_dir, "y\n").stdout)
    assert (erased["user_id"], erased["erased"]["users"], erased["erased"]["sessions"]) == (tokens["user_id"], 1, 1)
    assert not latch.is_live(tokens["token"])
    for who in (mobile, tokens["user_id"]):
        gone = run_here(f"erase {who} --yes --reason x", latch.data_dir)
        assert (gone.returncode, f"there is no user {who}" in gone.stderr) == (1, True)
    assert listed(latch.data_dir, f"--user {tokens['user_id']}") == []
    [event, *_] = listed_soon(latch.data_dir, f"--kind user_erased --operator {getpass.getuser()}", 1)
    assert (event["user_id"] < 0, event["reason"], event["mobile"]) == (True, "asked for it", None)


@pytest.mark.parametrize("command", ["erase --yes", "export"])
def test_without_a_reason_nothing_is_done(latch: Service, mobile: str, command: str) -> None:
    latch.log_in(mobile)
    for reason in ("", "--reason ' '"):
        refused = run_here(f"{command} {mobile} {reason}", latch.data_dir)
        assert (refused.returncode, "--reason" in refused.stderr) == (2, True)
    assert run_here(f"sessions {mobile}", latch.data_dir).returncode == 0


def test_both_work_while_the_service_is_down(folder: Path) -> None:
    with Service(folder) as service:
        mobile = "13800138000"
        tokens = service.log_in(mobile)
        service.stop()
    assert json.loads(run_here(f"export {mobile} --reason x", folder).stdout)["user_id"] == tokens["user_id"]
    erased = run_here(f"erase {mobile} --yes --reason x", folder)
    assert f"user {tokens['user_id']} is erased: users 1, sessions 1" in erased.stdout
