"""Sessions of operators at the console: how long they live, and all that ends them at the next request."""

import json
import re
from typing import Any

import pytest

from service.entities import Device
from service.errors import NotFound, NotLoggedIn, ServiceUnavailable
from service.operator_sessions import OperatorSessions
from service.roles import Role
from tests.admin.conftest import Console, StartConsole
from tests.conftest import Clock

pytestmark = pytest.mark.slow

LAPTOP = Device("Firefox on Linux", "203.0.113.7")
PHONE = Device("Safari on iPhone", "203.0.113.8")
MINUTE, HOUR = 60, 3600


@pytest.fixture
async def sessions(console: Console) -> OperatorSessions:
    """Those of a console that knows the operator ada, who may act."""
    await console.app.ctx.operators.add("ada", Role.ACT)
    found: OperatorSessions = console.app.ctx.operator_sessions
    return found


async def is_live(sessions: OperatorSessions, cookie: str) -> bool:
    try:
        await sessions.identify(cookie)
    except NotLoggedIn:
        return False
    return True


async def test_a_session_tells_who_it_is_and_the_role_that_the_table_says_now(
    sessions: OperatorSessions, database: Any, clock: Clock
) -> None:
    cookie = await sessions.begin("ada", None, LAPTOP)
    ada = await sessions.identify(cookie)
    assert (ada.name, ada.role, ada.device, ada.created_at) == ("ada", Role.ACT, LAPTOP, clock.now)
    assert ada.expires_at == clock.now + 30 * MINUTE
    assert re.fullmatch("[0-9a-f]{64}", ada.csrf)
    assert (await sessions.identify(cookie)).csrf == ada.csrf
    assert (await sessions.identify(await sessions.begin("ada", None, LAPTOP))).csrf != ada.csrf
    await database.rows("UPDATE operators SET role = 'look' WHERE name = 'ada'", [])
    assert (await sessions.identify(cookie)).role is Role.LOOK


@pytest.mark.parametrize("name", ["ada@example.com", 'o."neill;x"@example.com', "\u674e\u96f7@example.com"])
async def test_whoever_is_named_by_an_address_has_the_role_of_the_log_in(
    sessions: OperatorSessions, name: str, redis: Any
) -> None:
    cookie = await sessions.begin(name, Role.OWNER, LAPTOP)
    assert re.fullmatch(r"[A-Za-z0-9._-]+", cookie)
    found = await sessions.identify(cookie)
    assert (found.name, found.role) == (name, Role.OWNER)
    await redis.delete(f"operator:{{{name}}}:sessions")
    assert not await is_live(sessions, cookie)


@pytest.mark.parametrize(("name", "role"), [("ada", Role.OWNER), ("ada@example.com", None), ("a}b@c", Role.LOOK)])
async def test_a_role_goes_with_an_address_alone(sessions: OperatorSessions, name: str, role: Role | None) -> None:
    with pytest.raises(ValueError, match=re.escape(name)):
        await sessions.begin(name, role, LAPTOP)


@pytest.mark.parametrize("key", ["operator:{ada}:sessions", "operator:{ada}:session:%s"])
async def test_a_del_of_either_key_ends_the_session(sessions: OperatorSessions, redis: Any, key: str) -> None:
    cookie = await sessions.begin("ada", None, LAPTOP)
    other = await sessions.begin("ada", None, PHONE)
    name = key.replace("%s", cookie.split(".")[1])
    assert await redis.delete(name) == 1
    assert not await is_live(sessions, cookie)
    assert await is_live(sessions, other) == ("session:" in key)
    await sessions.begin("ada", None, PHONE)
    assert not await is_live(sessions, cookie)


async def test_redis_holds_no_secret_and_no_key_without_an_end(sessions: OperatorSessions, redis: Any) -> None:
    cookie = await sessions.begin("ada", None, LAPTOP)
    await sessions.begin("ada@example.com", Role.LOOK, LAPTOP)
    csrf = (await sessions.identify(cookie)).csrf
    keys = {key.decode() for key in await redis.keys("operator:*")} - {"operator:{ada}:link"}
    assert {re.sub("[0-9a-f]{16}$", "<id>", key) for key in keys} == {
        f"operator:{{{name}}}:{part}" for name in ("ada", "ada@example.com") for part in ("session:<id>", "sessions")
    }
    for key in keys:
        longest = 8 * HOUR if key.endswith("sessions") else 30 * MINUTE
        assert longest - 60 < await redis.ttl(key) <= longest
        value = (await redis.get(key)).decode()
        assert cookie.split(".")[2] not in value
        assert csrf not in value


@pytest.mark.parametrize(
    "damage",
    [
        lambda cookie: "",
        lambda cookie: "x",
        lambda cookie: cookie[:-1] + ("A" if cookie[-1] != "A" else "B"),
        lambda cookie: cookie + "A",
        lambda cookie: cookie.replace(".", ".0", 1)[:-1],
        lambda cookie: "Ym9i" + cookie[cookie.index(".") :],
        lambda cookie: "____" + cookie[cookie.index(".") :],
        lambda cookie: "A" + cookie[cookie.index(".") :],
        lambda cookie: cookie + "\n",
        lambda cookie: "é" + cookie,
    ],
)
async def test_a_damaged_cookie_opens_nothing_and_ends_nothing(sessions: OperatorSessions, damage: Any) -> None:
    cookie = await sessions.begin("ada", None, LAPTOP)
    assert not await is_live(sessions, damage(cookie))
    assert await is_live(sessions, cookie)


@pytest.mark.parametrize("value", ["", "x", "{}", "[]", '{"digest": 7}', '{"role": "root"}'])
async def test_a_value_that_somebody_has_spoilt_is_no_session(
    sessions: OperatorSessions, redis: Any, value: str
) -> None:
    cookie = await sessions.begin("ada", None, LAPTOP)
    await redis.set(f"operator:{{ada}}:session:{cookie.split('.')[1]}", value)
    assert not await is_live(sessions, cookie)
    assert await sessions.all("ada") == []


async def test_a_session_rests_for_half_an_hour_and_lives_for_eight(
    sessions: OperatorSessions, clock: Clock, redis: Any
) -> None:
    idle, used = await sessions.begin("ada", None, LAPTOP), await sessions.begin("ada", None, PHONE)
    for _ in range(15):
        clock.wait(30 * MINUTE - 1)
        assert await is_live(sessions, used)
    assert not await is_live(sessions, idle)
    key = f"operator:{{ada}}:session:{used.split('.')[1]}"
    assert await redis.ttl(key) <= 30 * MINUTE
    clock.wait(30 * MINUTE - 1)
    ada = await sessions.identify(used)
    assert ada.expires_at == ada.created_at + 8 * HOUR
    assert await redis.pttl(key) <= (ada.expires_at - clock.now) * 1000
    clock.wait(16)
    assert not await is_live(sessions, used)


async def test_a_use_is_written_once_a_minute(
    sessions: OperatorSessions, clock: Clock, redis: Any, database: Any
) -> None:
    cookie = await sessions.begin("ada", None, LAPTOP)
    key = f"operator:{{ada}}:session:{cookie.split('.')[1]}"

    async def written() -> tuple[float, str]:
        [row] = await database.rows("SELECT last_used_at FROM operators", [])
        return json.loads(await redis.get(key))["used_at"] - begun, str(row["last_used_at"])[:19]

    begun = clock.now
    assert await written() == (0, "2026-01-01 00:00:00")
    clock.wait(59)
    await sessions.identify(cookie)
    assert await written() == (0, "2026-01-01 00:00:00")
    clock.wait(1)
    await sessions.identify(cookie)
    assert await written() == (60, "2026-01-01 00:01:00")


async def test_sessions_are_listed_the_newest_first_and_ended_one_by_one_and_all(
    sessions: OperatorSessions, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    first = await sessions.begin("ada", None, LAPTOP)
    clock.wait(10)
    second, third = [await sessions.begin("ada", None, PHONE) for _ in range(2)]
    listed = await sessions.all("ada")
    assert [one.device for one in listed] == [PHONE, PHONE, LAPTOP]
    assert {one.csrf for one in listed} == {""}
    await sessions.end("ada", listed[2].id)
    assert [await is_live(sessions, one) for one in (first, second, third)] == [False, True, True]
    for name, session_id in (("ada", listed[2].id), ("bob", listed[0].id), ("ada", "x"), ("*", listed[0].id)):
        with pytest.raises(NotFound):
            await sessions.end(name, session_id)
    await sessions.log_out(second)
    await sessions.log_out(second)
    assert [await is_live(sessions, one) for one in (second, third)] == [False, True]
    assert await sessions.end_all("ada") == [third.split(".")[1]]
    assert [await sessions.end_all(name) for name in ("ada", "bob", "{*}")] == [[], [], []]
    assert await sessions.all("ada") == []
    told = [(r.getMessage(), vars(r)["reason"]) for r in caplog.records if r.name == "latch.audit"]
    names = [event for event, reason in told if reason == "ada"]
    assert names[-6:] == ["operator_login"] * 3 + [
        "operator_session_ended",
        "operator_logout",
        "operator_session_ended",
    ]


async def test_an_owner_lists_and_ends_sessions_by_the_api(console: Console, sessions: OperatorSessions) -> None:
    async def ask(method: str, path: str) -> tuple[int, Any]:
        answer = await console.as_role(Role.OWNER, method, f"/operators/{path}")
        return answer.status_code, answer.json()["data"] if answer.status_code == 200 else None

    cookies = [await sessions.begin("ada", None, LAPTOP) for _ in range(2)]
    by_address = await sessions.begin("ada@example.com", Role.LOOK, PHONE)
    status, data = await ask("GET", "ada/sessions")
    first, second = (cookie.split(".")[1] for cookie in cookies)
    assert (status, {one["id"] for one in data["sessions"]}) == (200, {first, second})
    assert data["sessions"][0] | {"id": ""} == {
        "id": "",
        "role": "act",
        "device": LAPTOP.name,
        "ip": LAPTOP.ip,
        "created_at": "2026-01-01T00:00:00Z",
        "used_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-01T00:30:00Z",
    }
    assert [(await ask("DELETE", f"ada/sessions/{first}"))[0] for _ in range(2)] == [204, 404]
    assert [await is_live(sessions, cookie) for cookie in cookies] == [False, True]
    assert await ask("DELETE", "ada/sessions") == (200, {"ended": 1})
    [one] = (await ask("GET", "ada%40example.com/sessions"))[1]["sessions"]
    assert (one["role"], one["device"]) == ("look", PHONE.name)
    assert await ask("DELETE", "ada%40example.com/sessions") == (200, {"ended": 1})
    assert not await is_live(sessions, by_address)
    assert await ask("GET", "ada/sessions") == (200, {"sessions": []})
    assert await ask("DELETE", "ada/sessions") == (200, {"ended": 0})
    for name in ("nobody", "ada%40example.com", "%2A"):
        assert [await ask(method, f"{name}/sessions") for method in ("GET", "DELETE")] == [(404, None)] * 2


async def test_whoever_is_removed_has_no_session_not_even_when_the_name_is_given_out_again(
    sessions: OperatorSessions, database: Any, clock: Clock, console: Console
) -> None:
    cookie = await sessions.begin("ada", None, LAPTOP)
    await database.rows("DELETE FROM operators", [])
    assert not await is_live(sessions, cookie)
    clock.wait(1)
    await console.app.ctx.operators.add("ada", Role.OWNER)
    assert not await is_live(sessions, cookie)
    assert await sessions.all("ada") == []


async def test_a_store_that_is_away_is_no_log_out(start_console: StartConsole, unused_port: int) -> None:
    cookie = f"YWRh.{'0' * 16}.{'A' * 43}"
    pepper = {"code_pepper": "a pepper for the tests alone"}
    console = await start_console(with_keys=False, redis_url=f"redis://127.0.0.1:{unused_port}", **pepper)
    with pytest.raises(ServiceUnavailable):
        await console.app.ctx.operator_sessions.identify(cookie)


async def test_a_database_that_is_away_is_no_log_out(
    sessions: OperatorSessions, start_console: StartConsole, unused_port: int
) -> None:
    cookie = await sessions.begin("ada", None, LAPTOP)
    away = await start_console(with_keys=False, database_url=f"postgres://latch@127.0.0.1:{unused_port}/latch")
    with pytest.raises(ServiceUnavailable):
        await away.app.ctx.operator_sessions.identify(cookie)
