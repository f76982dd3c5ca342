"""`latch find`: by whatever somebody has, also while the service is down."""

import json
from typing import Any

import pytest

from tests.commands.test_events import listed_soon
from tests.processes import Service, run, run_here

pytestmark = pytest.mark.slow


def test_a_person_is_found_by_number_id_name_session_and_token(latch: Service, mobile: str) -> None:
    tokens = latch.log_in(mobile)
    user_id = tokens["user_id"]
    listed_soon(latch.data_dir, f"--user {user_id} --kind login", 1)  # by which sessions are found
    spaced = f"+86 {mobile[:3]} {mobile[3:7]} {mobile[7:]}"
    for text, by in (
        (mobile, "number"),
        (spaced, "number"),
        (str(user_id), "user_id"),
        (tokens["session_id"], "session_id"),
        (tokens["token"], "token"),
    ):
        result = run_here(f"find --json {text}", latch.data_dir)
        assert result.returncode == 0, (text, result.stderr)
        found: dict[str, Any] = json.loads(result.stdout)
        assert (found["by"], user_id in [user["id"] for user in found["users"]]) == (by, True), text
        assert mobile not in result.stdout
    assert found["explained"]["live"] is True
    lines = run(f"find {mobile}", latch.data_dir).stdout.splitlines()
    assert lines[0].split()[:3] == ["ID", "NAME", "NUMBER"]
    assert lines[1].split()[0] == str(user_id)


def test_a_token_may_come_by_standard_input_and_is_explained(latch: Service, mobile: str) -> None:
    token = latch.log_in(mobile)["token"]
    first, *_ = run("find -", latch.data_dir, answer=f"{token}\n").stdout.splitlines()
    assert first == "a live access token"
    result = run_here(f"find {'x' * 64}", latch.data_dir)
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1] == "nobody is found by this token"
