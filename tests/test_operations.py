"""The operator's commands, typed as an operator types them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from service.entities import UserStatus
from tests.client import MOBILE, Api, bearer, error
from tests.test_run import ROOT, Service, environment, folder, run

__all__ = ["folder"]

LOGIN = "/app/v1_0/authorizations"


@pytest.fixture
def service(folder: Path) -> Iterator[Service]:
    with Service(folder) as running:
        yield running


def typed(service: Service, command: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    """Type a command, and an answer to what it asks."""
    return subprocess.run(
        [sys.executable, "run.py", *command.split()],
        cwd=ROOT,
        env=environment(service.data_dir),
        input=answer,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def reason(service: Service, token: str) -> str:
    response = service.http.get(LOGIN, headers=bearer(token))
    assert response.status_code == 401
    return str(response.json()["reason"])


def test_sessions_shows_the_devices_and_the_keys_that_end_them(service: Service) -> None:
    tokens = service.log_in()
    result = typed(service, f"sessions {MOBILE}")
    assert result.returncode == 0, result.stderr
    key = f"session:{{{tokens['user_id']}}}:{tokens['session_id']}"
    assert f"user {tokens['user_id']}, 138****8000, active: 1 session" in result.stdout
    assert key in result.stdout
    listed = json.loads(typed(service, f"sessions {tokens['user_id']} --json").stdout)
    assert [session["key"] for session in listed["sessions"]] == [key]
    assert listed["sessions"][0]["ip"] == "127.0.0.1"
    with Redis(unix_socket_path=str(service.data_dir / "redis.sock")) as redis:
        assert redis.delete(key) == 1
    assert not service.is_live(tokens["token"])


def test_revoke_ends_one_session_or_all_after_asking(service: Service) -> None:
    one, two, three = (service.log_in() for _ in range(3))
    result = typed(service, f"revoke {MOBILE} --session {one['session_id']}")
    assert (result.returncode, one["session_id"] in result.stdout) == (0, True)
    assert reason(service, one["token"]) == "revoked"
    assert typed(service, f"revoke {MOBILE} --session {one['session_id']}").returncode == 1
    for answer in ("", "n\n"):
        assert typed(service, f"revoke {MOBILE}", answer).returncode == 1
    assert service.is_live(two["token"])
    result = typed(service, f"revoke {MOBILE}", "y\n")
    assert result.returncode == 0
    assert "ended 2 sessions" in result.stdout
    assert [reason(service, tokens["token"]) for tokens in (two, three)] == ["revoked", "revoked"]
    assert json.loads(typed(service, f"revoke {MOBILE} --yes --json").stdout)["ended"] == []


def test_disable_ends_everything_and_enable_brings_nothing_back(service: Service) -> None:
    tokens = service.log_in()
    code = service.code()
    assert typed(service, f"disable {tokens['user_id']}", "n\n").returncode == 1
    result = typed(service, f"disable {tokens['user_id']} --yes")
    assert "ended 1 session" in result.stdout
    assert "user_disabled" in result.stderr
    assert reason(service, tokens["token"]) == "disabled"
    assert service.http.put(LOGIN, headers=bearer(tokens["refresh_token"])).status_code == 403
    login = {"mobile": MOBILE, "code": code}
    assert service.http.post(LOGIN, json=login).json()["error"] == "user_disabled"
    assert typed(service, f"enable {MOBILE}").returncode == 0
    assert reason(service, tokens["token"]) == "disabled"
    assert service.http.post(LOGIN, json=login).status_code == 200


def test_explain_says_whose_a_token_is_or_why_it_is_dead(service: Service) -> None:
    tokens, ended = service.log_in(), service.log_in()
    service.http.delete(LOGIN, headers=bearer(ended["token"]))
    for token, code, words in (
        (tokens["token"], 0, f"a live access token of user {tokens['user_id']}"),
        (tokens["refresh_token"], 0, "a live refresh token"),
        (ended["token"], 1, "logged_out"),
        ("A" * 64, 1, "no live session"),
        ("junk", 1, "not a token"),
    ):
        result = typed(service, "explain -", f"{token}\n")
        assert (result.returncode, words in result.stdout) == (code, True), result.stdout
        assert token not in result.stdout + result.stderr
    dashed = typed(service, f"explain {'-' * 64} --json")
    assert (dashed.returncode, json.loads(dashed.stdout)["live"]) == (1, False), dashed.stderr
    explained = json.loads(typed(service, f"explain {tokens['token']} --json").stdout)
    assert explained["live"] is True
    assert explained["session_id"] == tokens["session_id"]


def test_the_commands_work_while_the_service_is_down(folder: Path) -> None:
    with Service(folder) as service:
        tokens = service.log_in()
        service.stop()
    assert tokens["session_id"] in run(f"sessions {MOBILE}", folder).stdout
    assert run(f"revoke {MOBILE} --yes", folder).returncode == 0
    with Service(folder) as service:
        assert reason(service, tokens["token"]) == "revoked"


def test_an_unknown_user_is_told(service: Service) -> None:
    for command, who in (
        ("sessions", "13912345678"),
        ("revoke --yes", "4711"),
        ("disable --yes", "nobody"),
        ("enable", "13912345678"),
    ):
        result = typed(service, f"{command} {who}")
        assert result.returncode == 1
        assert f"there is no user {who}" in result.stderr
        assert "Traceback" not in result.stderr


async def test_a_login_under_way_while_its_user_is_disabled_opens_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = api.app.ctx.users
    await api.log_in()
    code = await api.new_code()
    store = api.app.ctx.authorizations._users
    log_in = store.log_in

    async def log_in_then_be_disabled(*args: Any) -> Any:
        user = await log_in(*args)
        assert user.status is UserStatus.ACTIVE
        await users.disable(user)
        return user

    monkeypatch.setattr(store, "log_in", log_in_then_be_disabled)
    assert error(await api.post_login(MOBILE, code)) == (403, "user_disabled")
    monkeypatch.setattr(store, "log_in", log_in)
    user = await users.find(MOBILE)
    assert await api.app.ctx.sessions.of_user(user.id) == []
    await users.enable(user)
    assert (await api.post_login(MOBILE, code)).status_code == 200
