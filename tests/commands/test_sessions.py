"""The operator's commands, typed as an operator types them."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr
from redis import Redis

from service.entities import UserStatus
from service.errors import ServiceUnavailable
from service.number_names import NumberNames
from service.stores.sessions import SessionStore
from service.stores.users import UserStore
from settings.keys import KeySettings
from tests.client import MOBILE, Api, bearer, error
from tests.processes import Service, run, run_here

pytestmark = pytest.mark.slow

LOGIN = "/app/v1_0/authorizations"


def reason(service: Service, token: str) -> str:
    response = service.http.get(LOGIN, headers=bearer(token))
    assert response.status_code == 401
    return str(response.json()["reason"])


def test_unlock_prints_the_keys_of_a_number_though_no_store_answers(folder: Path) -> None:
    away = {"REDIS_URL": "redis://127.0.0.1:1", "DATABASE_URL": "postgres://127.0.0.1:1/latch", "NUMBER_KEY": "n" * 16}
    printed = run("unlock +86 138 0013 8000 --keys", folder, CODE_PEPPER="p" * 16, **away)
    name = NumberNames(KeySettings(number_key=SecretStr("n" * 16)).number_name_key).of(MOBILE)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert {name} == {re.findall(r"\{(.*)\}", key)[0] for key in printed.stdout.splitlines()}
    told = json.loads(run_here(f"unlock {MOBILE} --keys --json", folder, CODE_PEPPER="q" * 16, **away).stdout)
    assert told == {"mobile": MOBILE, "keys": printed.stdout.splitlines()}
    assert run_here(f"unlock {MOBILE}", folder, CODE_PEPPER="p" * 16, **away).returncode == 1


def test_unlock_takes_a_user_id_for_the_number(latch: Service, mobile: str) -> None:
    user_id = latch.log_in(mobile)["user_id"]
    by_id, by_number = (run_here(f"unlock {who} --keys", latch.data_dir) for who in (user_id, mobile))
    assert by_id.stdout == by_number.stdout
    assert f"code:{{{latch.names.of(mobile)}}}\n" in by_id.stdout
    latch.code(mobile)
    assert run_here(f"unlock {user_id}", latch.data_dir).returncode == 0
    assert run_here(f"unlock {user_id}", latch.data_dir).returncode == 1  # there is nothing to forget any more
    assert run_here("unlock 999999 --keys", latch.data_dir).returncode == 1


def test_sessions_shows_the_devices_and_the_keys_that_end_them(latch: Service, mobile: str) -> None:
    tokens = latch.log_in(mobile)
    result = run(f"sessions {mobile}", latch.data_dir)
    assert result.returncode == 0, result.stderr
    key = f"session:{{{tokens['user_id']}}}:{tokens['session_id']}"
    assert f"user {tokens['user_id']}, {mobile[:3]}****{mobile[-4:]}, active: 1 session" in result.stdout
    assert key in result.stdout
    listed = json.loads(run_here(f"sessions {tokens['user_id']} --json", latch.data_dir).stdout)
    assert [session["key"] for session in listed["sessions"]] == [key]
    assert listed["sessions"][0]["ip"] == "127.0.0.1"
    with Redis(unix_socket_path=str(latch.data_dir / "redis.sock")) as redis:
        assert redis.delete(key) == 1
    assert not latch.is_live(tokens["token"])


@pytest.mark.parametrize("written", ["+86 {} {} {}", "0086-{}-{}-{}", "tel:{}{}{}", "\u202d86{}\u00a0{}\u00a0{}\u202c"])
def test_a_user_is_found_by_a_number_as_it_was_pasted(latch: Service, mobile: str, written: str) -> None:
    latch.log_in(mobile)
    result = run_here(f"sessions {written.format(mobile[:3], mobile[3:7], mobile[7:])}", latch.data_dir)
    assert result.returncode == 0, result.stderr
    assert f"{mobile[:3]}****{mobile[-4:]}, active: 1 session" in result.stdout


def test_revoke_ends_one_session_or_all_after_asking(latch: Service, mobile: str) -> None:
    one, two, three = (latch.log_in(mobile) for _ in range(3))
    result = run_here(f"revoke {mobile} --session {one['session_id']}", latch.data_dir)
    assert (result.returncode, one["session_id"] in result.stdout) == (0, True)
    assert reason(latch, one["token"]) == "revoked"
    assert run_here(f"revoke {mobile} --session {one['session_id']}", latch.data_dir).returncode == 1
    for answer in ("", "n\n"):
        assert run_here(f"revoke {mobile}", latch.data_dir, answer).returncode == 1
    assert latch.is_live(two["token"])
    result = run(f"revoke {mobile}", latch.data_dir, "y\n")
    assert result.returncode == 0
    assert "ended 2 sessions" in result.stdout
    assert [reason(latch, tokens["token"]) for tokens in (two, three)] == ["revoked", "revoked"]
    assert json.loads(run_here(f"revoke {mobile} --yes --json", latch.data_dir).stdout)["ended"] == []


@pytest.mark.slow
def test_disable_ends_everything_and_enable_brings_nothing_back(latch: Service, mobile: str) -> None:
    tokens = latch.log_in(mobile)
    code = latch.code(mobile)
    assert run(f"disable {tokens['user_id']}", latch.data_dir, "n\n").returncode == 1
    result = run_here(f"disable {tokens['user_id']} --yes", latch.data_dir)
    assert "ended 1 session" in result.stdout
    assert "user_disabled" in result.stderr
    assert reason(latch, tokens["token"]) == "disabled"
    assert latch.http.put(LOGIN, headers=bearer(tokens["refresh_token"])).status_code == 403
    login = {"mobile": mobile, "code": code}
    assert latch.http.post(LOGIN, json=login).json()["error"] == "user_disabled"
    assert run(f"enable {mobile}", latch.data_dir).returncode == 0
    assert reason(latch, tokens["token"]) == "disabled"
    assert latch.http.post(LOGIN, json=login).status_code == 200


def test_explain_says_whose_a_token_is_or_why_it_is_dead(latch: Service, mobile: str) -> None:
    tokens, ended = latch.log_in(mobile), latch.log_in(mobile)
    latch.http.delete(LOGIN, headers=bearer(ended["token"]))
    for type_it, token, code, words in (
        (run, tokens["token"], 0, f"a live access token of user {tokens['user_id']}"),
        (run_here, tokens["refresh_token"], 0, "a live refresh token"),
        (run_here, ended["token"], 1, "logged_out"),
        (run_here, "A" * 64, 1, "no live session"),
        (run_here, "junk", 1, "not a token"),
    ):
        result = type_it("explain -", latch.data_dir, f"{token}\n")
        assert (result.returncode, words in result.stdout) == (code, True), result.stdout
        assert token not in result.stdout + result.stderr
    dashed = run_here(f"explain {'-' * 64} --json", latch.data_dir)
    assert (dashed.returncode, json.loads(dashed.stdout)["live"]) == (1, False), dashed.stderr
    explained = json.loads(run_here(f"explain {tokens['token']} --json", latch.data_dir).stdout)
    assert explained["live"] is True
    assert explained["session_id"] == tokens["session_id"]


@pytest.mark.slow
def test_the_commands_work_while_the_service_is_down(folder: Path) -> None:
    with Service(folder) as service:
        tokens = service.log_in()
        service.stop()
    assert tokens["session_id"] in run(f"sessions {MOBILE}", folder).stdout
    assert run_here(f"revoke {MOBILE} --yes", folder).returncode == 0
    with Service(folder) as service:
        assert reason(service, tokens["token"]) == "revoked"


def forget_row(service: Service, tokens: dict[str, Any]) -> str:
    """Delete a user's row, as an operator may; their id."""
    with closing(sqlite3.connect(service.data_dir / "latch.sqlite3", timeout=10)) as database, database:
        assert database.execute("DELETE FROM users WHERE id = ?", [tokens["user_id"]]).rowcount == 1
    return str(tokens["user_id"])


def test_whoever_has_no_row_any_more_is_listed_and_ended_by_id(latch: Service, mobile: str) -> None:
    one, two, three = (latch.log_in(mobile) for _ in range(3))
    user_id = forget_row(latch, one)
    assert latch.http.get("/app/v1_0/user", headers=bearer(one["token"])).json()["error"] == "invalid_token"
    listed = run_here(f"sessions {user_id}", latch.data_dir)
    assert f"user {user_id}, who is in the database no more: 3 sessions" in listed.stdout
    as_json = json.loads(run_here(f"sessions {user_id} --json", latch.data_dir).stdout)
    assert {session["id"] for session in as_json["sessions"]} == {each["session_id"] for each in (one, two, three)}
    assert run_here(f"revoke {user_id} --session {one['session_id']}", latch.data_dir).returncode == 0
    assert (reason(latch, one["token"]), latch.is_live(two["token"])) == ("revoked", True)
    asked = run_here(f"revoke {user_id}", latch.data_dir, "y\n")
    assert f"End 2 sessions of user {user_id}, who is in the database no more?" in asked.stderr
    assert [reason(latch, tokens["token"]) for tokens in (two, three)] == ["revoked", "revoked"]
    assert run_here(f"sessions {user_id}", latch.data_dir).returncode == 1
    for who in (mobile, user_id):
        assert f"there is no user {who}" in run_here(f"revoke {who} --yes", latch.data_dir).stderr


def test_whoever_has_no_row_any_more_may_end_the_sessions_themselves(latch: Service, mobile: str) -> None:
    one, other = latch.log_in(mobile), latch.log_in(mobile)
    forget_row(latch, one)
    assert latch.http.delete("/app/v1_0/sessions", headers=bearer(one["token"])).status_code == 204
    assert [reason(latch, tokens["token"]) for tokens in (one, other)] == ["revoked", "revoked"]


@pytest.fixture
def full(latch: Service) -> Iterator[Callable[[], None]]:
    """Fills the Redis of the running service, until the test is over."""
    with Redis(unix_socket_path=str(latch.data_dir / "redis.sock")) as redis:
        yield lambda: cast("None", redis.config_set("maxmemory", "1mb"))
        redis.config_set("maxmemory", 0)


def test_what_ends_sessions_goes_through_while_redis_is_full(
    latch: Service, mobile: str, full: Callable[[], None]
) -> None:
    out, own, other, revoked, kept, last = (latch.log_in(mobile) for _ in range(6))
    full()
    assert latch.http.delete(LOGIN, headers=bearer(out["refresh_token"])).status_code == 204
    path = f"/app/v1_0/sessions/{own['session_id']}"
    assert latch.http.delete(path, headers=bearer(own["token"])).status_code == 204
    assert run_here(f"revoke {mobile} --session {revoked['session_id']}", latch.data_dir).returncode == 0
    assert latch.http.delete("/app/v1_0/sessions?keep=current", headers=bearer(kept["token"])).status_code == 204
    dead = [reason(latch, tokens["token"]) for tokens in (out, own, other, revoked, last)]
    assert dead == ["logged_out", "logged_out", "revoked", "revoked", "revoked"]
    assert latch.is_live(kept["token"])
    assert run_here(f"disable {mobile} --yes", latch.data_dir).returncode == 0
    assert reason(latch, kept["token"]) == "disabled"
    assert run_here("check", latch.data_dir).returncode == 1


async def test_a_user_whose_sessions_cannot_be_ended_is_disabled_and_it_is_said(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await api.log_in()
    users = api.app.ctx.users

    async def away(*_: Any, **__: Any) -> list[str]:
        raise ServiceUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(SessionStore, "end_all", away)
        with pytest.raises(ServiceUnavailable) as caught:
            await users.disable(await users.find(MOBILE))
    assert caught.value.__notes__ == [
        f"user {tokens['user_id']} can log in no more, but still has every session: disable once more"
    ]
    assert (await users.find(MOBILE)).status is UserStatus.DISABLED
    assert await users.disable(await users.find(MOBILE)) == [tokens["session_id"]]
    assert not await api.is_live(tokens["token"])


def test_an_unknown_user_is_told(latch: Service) -> None:
    for command, who in (
        ("sessions", "13912345678"),
        ("revoke --yes", "4711"),
        ("disable --yes", "nobody"),
        ("enable", "13912345678"),
        ("sessions", "9" * 30),
    ):
        result = run_here(f"{command} {who}", latch.data_dir)
        assert result.returncode == 1
        assert f"there is no user {who}" in result.stderr
        assert "Traceback" not in result.stderr


async def test_a_login_under_way_while_its_user_is_disabled_opens_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = api.app.ctx.users
    await api.log_in()
    code = await api.new_code()
    log_in = UserStore.log_in

    async def log_in_then_be_disabled(*args: Any) -> Any:
        user = await log_in(*args)
        assert user.status is UserStatus.ACTIVE
        await users.disable(user)
        return user

    with monkeypatch.context() as patch:
        patch.setattr(UserStore, "log_in", log_in_then_be_disabled)
        assert error(await api.post_login(MOBILE, code)) == (403, "user_disabled")
    user = await users.find(MOBILE)
    assert await api.app.ctx.sessions.of_user(user.id) == []
    await users.enable(user)
    assert (await api.post_login(MOBILE, code)).status_code == 200
