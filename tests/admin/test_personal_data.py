"""People erased and exported by operators: looked up in Redis, the database, the trail and the log."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.audit_events import NewEvent
from service.errors import ServiceUnavailable
from service.roles import Role
from service.stores.events import EventStore
from service.stores.sessions import SessionStore
from service.stores.users import UserStore
from tests.admin.conftest import Console, StartConsole
from tests.client import MOBILE, Api, error
from tests.conftest import LIMITS, NAMES, Clock, Start
from tests.stores.conftest import opened

pytestmark = pytest.mark.slow

OTHER, DEVICE, WHY = "13900139000", "Ada's own phone", {"X-Reason": "court order 7"}
LIMITED = {**LIMITS, "limit_code_cooldown": "off"}
FORGOTTEN = "SELECT kind, user_id, mobile, ip, device, operator, reason FROM events"


async def events(database: Any, until: Callable[[list[Any]], bool]) -> list[Any]:
    """The rows of the trail, once they are as they should be: the writers take half a second."""
    for _ in range(200):
        rows: list[Any] = await database.rows(FORGOTTEN, [])
        if until(rows):
            break
        await asyncio.sleep(0.05)
    return rows


def kinds(rows: list[Any]) -> set[str]:
    return {row["kind"] for row in rows}


def hers_of(rows: list[Any]) -> list[Any]:
    """Those of somebody who was erased."""
    return [row for row in rows if (row["user_id"] or 0) < 0]


async def erase(console: Console, user_id: int) -> Any:
    return await console.as_role(Role.ACT, "DELETE", f"/users/{user_id}", headers=WHY)


async def contents(redis: Any) -> str:
    """Every key of Redis with all that is in it."""
    return str([(key, await redis.dump(key)) for key in await redis.keys("*")])


@pytest.fixture(params=["sqlite", "postgres"])
async def stored(request: pytest.FixtureRequest, start: Start, start_console: StartConsole) -> Any:
    """Both listeners on a database of each kind, with a connection to it."""
    options: dict[str, Any] = {**LIMITED}
    if request.param == "postgres":
        options["database_url"] = request.getfixturevalue("postgres")
        async with opened(options["database_url"]) as database:
            await database.rows("DROP SCHEMA public CASCADE", [])
            await database.rows("CREATE SCHEMA public", [])
            await database.migrate()
    api, console = await start(**options), await start_console(**options)
    async with opened(api.app.ctx.settings.database_location) as database:
        yield api, console, database


async def test_of_an_erased_person_nothing_is_left_anywhere(stored: Any, redis: Any, clock: Clock) -> None:
    api, console, database = stored
    clock.now = time.time()  # events bear the machine's
    tokens = await api.log_in(**{"X-Device-Name": DEVICE})
    await api.log_in()
    assert error(await api.post_login(MOBILE, "000000")) == (400, "invalid_code")
    await api.new_code()
    user_id = tokens["user_id"]
    await api.log_in(OTHER)
    name = NAMES.of(MOBILE)
    assert name in await contents(redis)
    answer = await erase(console, user_id)
    assert answer.status_code == 200, answer.text
    counts = answer.json()["data"]["erased"]
    assert (counts["users"], counts["sessions"], counts["codes"]) == (1, 2, 1)
    assert counts["limits"] > 0
    assert error(await api.check(tokens["token"])) == (401, "session_ended")
    due = {"code_sent", "login", "login_refused", "session_revoked", "user_erased"}
    rows = await events(database, lambda rows: due <= kinds(hers_of(rows)))
    hers = hers_of(rows)
    assert due <= kinds(hers)
    assert user_id not in {row["user_id"] for row in rows}
    assert not [row for row in rows if row["mobile"] == "138****8000"]
    assert len({row["user_id"] for row in hers}) == 1
    assert not any(row[name] for row in hers for name in ("mobile", "ip", "device"))
    assert {(row["operator"], row["reason"]) for row in hers if row["kind"] == "user_erased"} == {
        ("act", "court order 7")
    }
    left = await contents(redis)
    assert not [kept for kept in (MOBILE, name, DEVICE) if kept in left]
    assert [row["mobile"] for row in await database.rows("SELECT mobile FROM users", [])] == [OTHER]
    assert [row for row in rows if row["mobile"] == "139****9000" and row["ip"]]
    assert error(await erase(console, user_id)) == (404, "not_found")
    again = await api.log_in()
    assert (again["is_new_user"], again["user_id"] == user_id) == (True, False)


async def test_who_has_only_sessions_or_events_left_is_erased_by_id(stored: Any) -> None:
    api, console, database = stored
    tokens = await api.log_in()
    user_id = tokens["user_id"]
    await events(database, lambda rows: any(row["user_id"] == user_id for row in rows))
    await database.rows(f"DELETE FROM users WHERE id = {user_id}", [])
    exported = await console.act("GET", f"/users/{user_id}/export", headers=WHY)
    assert (exported["user"], len(exported["sessions"])) == (None, 1)
    counts = (await erase(console, user_id)).json()["data"]["erased"]
    assert (counts["users"], counts["sessions"], counts["codes"], counts["limits"]) == (0, 1, 0, 0)
    assert counts["events"] > 0
    assert not await api.is_live(tokens["token"])


async def test_an_export_is_all_that_is_kept_of_one_person(stored: Any, caplog: pytest.LogCaptureFixture) -> None:
    api, console, database = stored
    tokens = await api.log_in(**{"X-Device-Name": DEVICE})
    other = await api.log_in(OTHER, **{"X-Device-Name": "another's"})
    await api.new_code()
    user_id = tokens["user_id"]
    await console.act("POST", f"/users/{user_id}/reveal")
    await events(database, lambda rows: {"login", "number_revealed"} <= kinds(rows))
    caplog.clear()
    exported = await console.act("GET", f"/users/{user_id}/export", headers=WHY)
    assert exported["user"] == {
        "id": user_id,
        "name": MOBILE,
        "mobile": MOBILE,
        "status": "active",
        "created_at": "2026-01-01T00:00:00Z",
        "last_login": "2026-01-01T00:00:00Z",
    }
    assert [(one["id"], one["device"]) for one in exported["sessions"]] == [(tokens["session_id"], DEVICE)]
    assert (exported["codes"], exported["limits"] > 0) == (1, True)
    by_kind = {event["kind"]: event for event in exported["events"]}
    assert (by_kind["login"]["device"], by_kind["login"]["by_operator"]) == (DEVICE, False)
    assert (by_kind["number_revealed"]["by_operator"], "operator" in by_kind["number_revealed"]) == (True, False)
    text = json.dumps(exported)
    for hidden in (
        tokens["token"],
        tokens["refresh_token"],
        OTHER,
        "another's",
        other["session_id"],
        "digest",
        "nonce",
    ):
        assert hidden not in text
    [record] = [vars(record) for record in caplog.records if record.getMessage() == "user_exported"]
    assert (record["operator"], record["remark"], record["user_id"]) == ("act", "court order 7", user_id)


async def test_head_exports_nothing(console: Console, api: Api, caplog: pytest.LogCaptureFixture) -> None:
    user_id = (await api.log_in())["user_id"]
    refused = await console.as_role(Role.ACT, "HEAD", f"/users/{user_id}/export", headers=WHY)
    assert (refused.status_code, set(refused.headers["Allow"].split(", "))) == (405, {"GET", "OPTIONS"})
    assert "user_exported" not in [record.getMessage() for record in caplog.records]


async def test_an_export_pages_through_all_events(stored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    api, console, database = stored
    user_id = (await api.log_in())["user_id"]
    for _ in range(3):
        await console.act("POST", f"/users/{user_id}/reveal")
    await events(database, lambda rows: sum(row["kind"] == "number_revealed" for row in rows) == 3)
    monkeypatch.setattr("service.personal_data.PAGE", 2)
    exported = await console.act("GET", f"/users/{user_id}/export", headers=WHY)
    of_user = await database.rows(f"SELECT id FROM events WHERE user_id = {user_id} AND kind <> 'user_exported'", [])
    ids = [event["id"] for event in exported["events"] if event["kind"] != "user_exported"]
    assert sorted(ids) == sorted(row["id"] for row in of_user)
    assert len(ids) > 2


@pytest.mark.parametrize("pages", [0, 1])
async def test_an_export_that_breaks_off_is_never_taken_for_a_whole_one(
    stored: Any, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    api, console, database = stored
    user_id = (await api.log_in())["user_id"]
    await events(database, lambda rows: len([row for row in rows if row["user_id"] == user_id]) > 1)
    monkeypatch.setattr("service.personal_data.PAGE", 1)
    find, asked = EventStore.find, itertools.count()

    async def goes_away(*args: Any) -> Any:
        if next(asked) >= pages:
            raise ServiceUnavailable
        return await find(*args)

    with monkeypatch.context() as patch:
        patch.setattr(EventStore, "find", goes_away)
        if pages:
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
                await console.as_role(Role.ACT, "GET", f"/users/{user_id}/export", headers=WHY)
        else:
            answer = await console.as_role(Role.ACT, "GET", f"/users/{user_id}/export", headers=WHY)
            assert error(answer) == (503, "service_unavailable")
    assert (await console.act("GET", f"/users/{user_id}/export", headers=WHY))["user_id"] == user_id


async def test_each_page_of_an_export_has_the_time_that_a_request_has(
    start: Start, start_console: StartConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, console = await start(), await start_console(stores_timeout=0.5)
    user_id = (await api.log_in())["user_id"]
    async with opened(api.app.ctx.settings.database_location) as database:
        await EventStore(database).add([NewEvent(time.time(), "refresh", user_id) for _ in range(8)])
    find = EventStore.find

    async def slowly(*args: Any) -> Any:
        await asyncio.sleep(0.1)
        return await find(*args)

    monkeypatch.setattr("service.personal_data.PAGE", 1)
    monkeypatch.setattr(EventStore, "find", slowly)
    exported = await console.act("GET", f"/users/{user_id}/export", headers=WHY)
    assert len(exported["events"]) >= 8


@pytest.mark.parametrize("user_id", ["7", "0", "-1", "x", str(1 << 63)])
async def test_nobody_is_erased_or_exported_who_is_not_known(console: Console, user_id: str) -> None:
    for method, path in (("DELETE", f"/users/{user_id}"), ("GET", f"/users/{user_id}/export")):
        assert error(await console.as_role(Role.ACT, method, path, headers=WHY)) == (404, "not_found")


async def test_without_redis_nobody_is_erased(api: Api, start_console: StartConsole, unused_port: int) -> None:
    tokens = await api.log_in()
    console = await start_console(redis_url=f"redis://127.0.0.1:{unused_port}")
    assert error(await erase(console, tokens["user_id"])) == (503, "service_unavailable")
    assert await api.is_live(tokens["token"])
    assert (await api.who(tokens["token"])).json()["data"]["mobile"] == MOBILE


@pytest.mark.parametrize(
    ("where", "method", "told"),
    [
        (EventStore, "announce", "is not erased, though sessions may have ended"),
        (UserStore, "erase", "is not erased, though sessions may have ended"),
        (EventStore, "forget", "is erased, but still stands in the audit trail"),
    ],
)
async def test_an_erasing_that_breaks_off_tells_what_was_done_and_is_repeated_to_the_end(
    api: Api, console: Console, database: Any, monkeypatch: pytest.MonkeyPatch, where: Any, method: str, told: str
) -> None:
    tokens = await api.log_in()
    user_id = tokens["user_id"]
    await events(database, lambda rows: any(row["user_id"] == user_id for row in rows))

    async def is_away(*_: Any) -> None:
        raise ServiceUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(where, method, is_away)
        answer = await erase(console, user_id)
    assert error(answer) == (503, "service_unavailable")
    assert told in answer.json()["message"]
    if method != "forget":
        await api.log_in()  # who is not erased is let in
    assert (await erase(console, user_id)).status_code == 200
    rows = await events(database, lambda rows: all(row["user_id"] != user_id for row in rows))
    assert not any(row["user_id"] == user_id for row in rows)
    assert await database.rows("SELECT id FROM users", []) == []


async def test_an_erasing_whose_operator_hangs_up_is_done_all_the_same(
    api: Api, console: Console, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await api.log_in()
    is_under_way, has_hung_up, forget = asyncio.Event(), asyncio.Event(), SessionStore.end_all

    async def end_all(*args: Any, **options: Any) -> Any:
        is_under_way.set()
        await has_hung_up.wait()
        return await forget(*args, **options)

    monkeypatch.setattr(SessionStore, "end_all", end_all)
    _, writer = await asyncio.open_connection("127.0.0.1", console.port)
    head = (
        f"DELETE /admin/v1/users/{tokens['user_id']} HTTP/1.1\r\nHost: localhost:8001\r\nX-Reason: x\r\n"
        f"Authorization: Bearer {console.keys[Role.ACT]}\r\n\r\n"
    )
    writer.write(head.encode())
    await asyncio.wait_for(is_under_way.wait(), 10)
    writer.close()
    await writer.wait_closed()
    has_hung_up.set()
    rows = await events(database, lambda rows: any((row["user_id"] or 0) < 0 for row in rows))
    assert any(row["user_id"] < 0 for row in rows if row["user_id"])
    assert await database.rows("SELECT id FROM users", []) == []
    assert not await api.is_live(tokens["token"])
