"""A person's sessions as operators see and end them, and tokens explained."""

from typing import Any

import pytest

from service.roles import Role
from tests.admin.conftest import Console, StartConsole
from tests.client import Api, error

pytestmark = pytest.mark.slow


async def test_sessions_are_listed_newest_first_and_ended_one_by_one(api: Api, console: Console, clock: Any) -> None:
    first = await api.log_in(**{"X-Device-Name": "tablet"})
    clock.wait(1)
    second = await api.log_in(**{"X-Device-Name": "phone"})
    path = f"/users/{first['user_id']}/sessions"
    listed = (await console.act("GET", path))["sessions"]
    assert [(session["id"], session["device"]) for session in listed] == [
        (second["session_id"], "phone"),
        (first["session_id"], "tablet"),
    ]
    assert set(listed[0]) == {"id", "device", "ip", "created_at", "refreshed_at", "expires_at"}
    assert await console.act("DELETE", f"{path}/{first['session_id']}") is None
    assert (await api.check(first["token"])).json()["reason"] == "revoked"
    assert await api.is_live(second["token"])
    response = await console.as_role(Role.ACT, "DELETE", f"{path}/{first['session_id']}")
    assert error(response) == (404, "not_found")


async def test_all_sessions_are_ended_at_once_and_counted(api: Api, console: Console) -> None:
    first, second = [await api.log_in() for _ in range(2)]
    other = await api.log_in("13900139000")
    path = f"/users/{first['user_id']}/sessions"
    assert await console.act("DELETE", path) == {"ended": 2}
    assert await console.act("DELETE", path) == {"ended": 0}
    assert [await api.is_live(tokens["token"]) for tokens in (first, second, other)] == [False, False, True]


async def test_whoever_is_in_the_database_no_more_is_listed_and_ended(
    api: Api, console: Console, database: Any
) -> None:
    tokens = await api.log_in()
    await database.rows("DELETE FROM users", [])
    path = f"/users/{tokens['user_id']}/sessions"
    assert [session["id"] for session in (await console.act("GET", path))["sessions"]] == [tokens["session_id"]]
    assert await console.act("DELETE", path) == {"ended": 1}
    assert not await api.is_live(tokens["token"])
    assert error(await console.as_role(Role.ACT, "GET", path)) == (404, "not_found")


async def test_a_token_is_explained_as_the_command_does_it(api: Api, console: Console) -> None:
    tokens = await api.log_in()
    whose = {"user_id": tokens["user_id"], "session_id": tokens["session_id"]}
    for token, kind in ((tokens["token"], "access token"), (f" {tokens['refresh_token']}\n", "refresh token")):
        explained = await console.act("POST", "/explain", json={"token": token})
        assert explained == {"live": True, "kind": kind, "why": "", **whose}
    await api.log_out(tokens["token"])
    explained = await console.act("POST", "/explain", json={"token": tokens["token"]})
    assert (explained["live"], explained["kind"]) == (False, "")
    assert "logged_out" in explained["why"]
    assert not (await console.act("POST", "/explain", json={"token": "x"}))["live"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/users/1/sessions"), ("DELETE", "/users/1/sessions")])
async def test_a_redis_that_is_away_is_503(
    start_console: StartConsole, unused_port: int, method: str, path: str
) -> None:
    console = await start_console(redis_url=f"redis://127.0.0.1:{unused_port}")
    assert error(await console.as_role(Role.ACT, method, path)) == (503, "service_unavailable")
    assert (await console.ask("GET", "/readyz", None)).json()["stores"] == {"redis": "unavailable", "database": "ok"}
