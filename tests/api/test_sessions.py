"""The caller's devices, over HTTP."""

import asyncio

import pytest

from tests.client import BASE, Api, bearer, error
from tests.conftest import Clock, Start

SESSIONS = f"{BASE}/sessions"


async def test_the_list_shows_the_devices_newest_first_and_marks_the_callers_own(api: Api, clock: Clock) -> None:
    phone = await api.log_in(**{"X-Device-Name": "Ada's phone"})
    clock.wait(60)
    tablet = await api.log_in(**{"X-Device-Name": "Ada's tablet"})
    await api.log_in("13900139000")
    clock.wait(60)
    await api.refresh(phone["refresh_token"])
    response = await api.request("GET", SESSIONS, headers=bearer(phone["token"]))
    assert response.status_code == 200
    assert response.json()["data"]["sessions"] == [
        {
            "id": tablet["session_id"],
            "current": False,
            "device": "Ada's tablet",
            "ip": "127.0.0.1",
            "created_at": "2026-01-01T00:01:00Z",
            "refreshed_at": "2026-01-01T00:01:00Z",
            "expires_at": "2026-01-15T00:01:00Z",
        },
        {
            "id": phone["session_id"],
            "current": True,
            "device": "Ada's phone",
            "ip": "127.0.0.1",
            "created_at": "2026-01-01T00:00:00Z",
            "refreshed_at": "2026-01-01T00:02:00Z",
            "expires_at": "2026-01-15T00:02:00Z",
        },
    ]


async def test_a_session_that_ended_or_expired_is_not_listed(start: Start, clock: Clock) -> None:
    api = await start(refresh_ttl=100, access_ttl=100)
    stale = await api.log_in()
    clock.wait(50)
    ended, mine = await api.log_in(), await api.log_in()
    await api.log_out(ended["token"])
    clock.wait(51)
    found = (await api.request("GET", SESSIONS, headers=bearer(mine["token"]))).json()["data"]["sessions"]
    assert [session["id"] for session in found] == [mine["session_id"]]
    assert not await api.is_live(stale["token"])


async def test_ending_one_device_leaves_the_others_open(api: Api) -> None:
    mine, lost, other = await api.log_in(), await api.log_in(), await api.log_in()
    response = await api.request("DELETE", f"{SESSIONS}/{lost['session_id']}", headers=bearer(mine["token"]))
    assert (response.status_code, response.content) == (204, b"")
    answer = await api.check(lost["token"])
    assert error(answer) == (401, "session_ended")
    assert answer.json()["reason"] == "revoked"
    assert error(await api.refresh(lost["refresh_token"])) == (403, "session_ended")
    assert await api.is_live(mine["token"])
    assert await api.is_live(other["token"])


async def test_ending_ones_own_session_is_a_log_out(api: Api) -> None:
    mine = await api.log_in()
    response = await api.request("DELETE", f"{SESSIONS}/{mine['session_id']}", headers=bearer(mine["token"]))
    assert response.status_code == 204
    assert (await api.check(mine["token"])).json()["reason"] == "logged_out"


async def test_another_users_session_and_a_made_up_one_are_not_found(api: Api) -> None:
    mine, stranger = await api.log_in(), await api.log_in("13900139000")
    for session_id in (stranger["session_id"], "0123456789abcdef", "x", "%7B1%7D", mine["session_id"] + "0"):
        response = await api.request("DELETE", f"{SESSIONS}/{session_id}", headers=bearer(mine["token"]))
        assert error(response) == (404, "not_found")
    assert await api.is_live(stranger["token"])


async def test_ending_all_ends_all_and_keep_current_spares_the_caller(api: Api) -> None:
    devices = [await api.log_in() for _ in range(4)]
    stranger = await api.log_in("13900139000")
    mine = devices.pop()
    response = await api.request("DELETE", f"{SESSIONS}?keep=current", headers=bearer(mine["token"]))
    assert response.status_code == 204
    assert [await api.is_live(one["token"]) for one in [*devices, mine]] == [False, False, False, True]
    assert (await api.refresh(mine["refresh_token"])).status_code == 200
    assert (await api.request("DELETE", SESSIONS, headers=bearer(mine["token"]))).status_code == 204
    assert (await api.check(mine["token"])).json()["reason"] == "revoked"
    assert error(await api.refresh(mine["refresh_token"])) == (403, "session_ended")
    assert await api.is_live(stranger["token"])
    assert await api.is_live((await api.log_in())["token"])


async def test_an_odd_keep_is_named_and_ends_nothing(api: Api) -> None:
    mine = await api.log_in()
    response = await api.request("DELETE", f"{SESSIONS}?keep=all", headers=bearer(mine["token"]))
    assert error(response) == (400, "invalid_request")
    assert set(response.json()["fields"]) == {"keep"}
    assert await api.is_live(mine["token"])


async def test_without_a_live_access_token_nothing_is_shown_or_ended(api: Api) -> None:
    mine = await api.log_in()
    for method, path in (("GET", SESSIONS), ("DELETE", SESSIONS), ("DELETE", f"{SESSIONS}/{mine['session_id']}")):
        assert error(await api.request(method, path)) == (401, "invalid_token")
        headers = bearer(mine["refresh_token"])
        assert error(await api.request(method, path, headers=headers)) == (401, "invalid_token")
    assert await api.is_live(mine["token"])


@pytest.mark.slow
async def test_ending_all_races_with_refreshes_and_none_comes_back(api: Api) -> None:
    for _ in range(20):
        devices = [await api.log_in() for _ in range(3)]
        answers = await asyncio.gather(
            *(api.refresh(one["refresh_token"]) for one in devices),
            api.request("DELETE", SESSIONS, headers=bearer(devices[0]["token"])),
            *(api.refresh(one["refresh_token"]) for one in devices),
        )
        for answer in answers:
            if answer.status_code == 200:
                assert not await api.is_live(answer.json()["data"]["token"])
        for one in devices:
            assert error(await api.refresh(one["refresh_token"])) == (403, "session_ended")
