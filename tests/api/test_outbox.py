"""What other systems hear of, from the requests and the commands that bring it about."""

import asyncio
import random
from typing import Any

import pytest

from service.stores import sessions
from service.stores.database import Database
from service.stores.redis.scripts import Script
from tests.admin.conftest import Console, StartConsole, _documents_apart, start_console
from tests.admin.test_revocations import over
from tests.api.test_accounts import both_codes
from tests.api.test_hangups import hang_up, login_body
from tests.client import BASE, MOBILE, Api, bearer, error
from tests.conftest import Clock, Outbox, Start
from tests.outbox import Told, names, told, told_soon

__all__ = ["_documents_apart", "start_console"]

NEW, OTHER = "13900139000", "13700137000"
PHONE, TABLET = "5f0c2f9e-phone", "a91b77d0-tablet"
WHY = {"X-Reason": "a ticket"}
pytestmark = pytest.mark.slow


@pytest.fixture
async def api(start: Start) -> Api:
    return await start(outbox_max=1_000)


@pytest.fixture
async def console(api: Api, start_console: StartConsole) -> Console:
    assert api
    return await start_console(outbox_max=1_000)


def of(found: list[Told]) -> list[str]:
    return [" ".join(filter(None, (one.type, one.data.get("reason")))) for one in found]


async def later(api: Api, clock: Clock, **headers: str) -> dict[str, Any]:
    """A login a moment later, so that its user is no new one any more."""
    clock.wait(1)
    return await api.log_in(**headers)


async def test_a_login_a_refresh_and_a_log_out(api: Api, redis: Any, clock: Clock) -> None:
    tokens = await api.log_in()
    assert (await api.refresh(tokens["refresh_token"])).status_code == 200
    clock.wait(10)
    assert (await api.log_out(tokens["token"])).status_code == 204
    assert (await api.log_out(tokens["token"])).status_code == 204
    whose = {"user_id": tokens["user_id"], "session_id": tokens["session_id"]}
    created, login, ended = await told_soon(redis, 3)
    assert (created.type, created.data) == ("user.created", {"user_id": tokens["user_id"]})
    assert (login.type, login.data) == ("login", {**whose, "is_new_user": True})
    assert (ended.type, ended.data) == ("session.ended", {**whose, "reason": "logged_out"})
    assert ended.at - login.at == 10


async def test_nobody_hears_of_anything_unless_it_is_wanted(start: Start, redis: Any) -> None:
    api = await start()
    tokens = await api.log_in(**{"X-Device-Id": PHONE})
    await api.log_out(tokens["token"])
    assert not [key for key in await redis.keys("*") if b"outbox" in key]


async def test_a_login_that_is_repeated_is_told_once(api: Api, redis: Any) -> None:
    code, request_id = await api.new_code(), {"X-Request-ID": "the-very-same-login"}
    first, second = [await api.post_login(MOBILE, code, **request_id) for _ in range(2)]
    assert first.json()["data"]["token"] == second.json()["data"]["token"]
    assert await names(redis, 2) == ["user.created", "login"]


async def test_a_wrong_code_is_told_to_nobody(api: Api, redis: Any) -> None:
    await api.new_code()
    assert error(await api.post_login(MOBILE, "000000")) == (400, "invalid_code")
    assert await told(redis) == []


async def test_a_stolen_token_is_told_with_the_session_that_it_ends(api: Api, redis: Any, clock: Clock) -> None:
    tokens = await api.log_in()
    stolen = tokens["refresh_token"]
    latest = stolen
    for _ in range(4):
        clock.wait(100)
        latest = (await api.refresh(latest)).json()["data"]["refresh_token"]
    clock.wait(100)
    assert error(await api.refresh(stolen)) == (403, "session_ended")
    found = (await told_soon(redis, 4))[2:]
    whose = {"user_id": tokens["user_id"], "session_id": tokens["session_id"]}
    assert of(found) == ["refresh_token.reused", "session.ended reused"]
    assert [one.data for one in found] == [whose, {**whose, "reason": "reused"}]


async def test_a_login_too_many_ends_another_session_first(start: Start, redis: Any, clock: Clock) -> None:
    api = await start(outbox_max=1_000, max_sessions=1)
    first = await api.log_in()
    clock.wait(1)
    await api.log_in()
    assert await names(redis, 4) == ["user.created", "login", "session.ended replaced", "login"]
    assert (await told(redis))[2].data["session_id"] == first["session_id"]


async def test_devices_that_are_ended_from_another(api: Api, redis: Any, clock: Clock) -> None:
    one, two, three = [await later(api, clock) for _ in range(3)]
    path = f"{BASE}/sessions"
    await api.request("DELETE", f"{path}/{two['session_id']}", headers=bearer(one["token"]))
    await api.request("DELETE", f"{path}?keep=current", headers=bearer(one["token"]))
    await api.request("DELETE", path, headers=bearer(one["token"]))
    found = (await told_soon(redis, 7))[4:]
    assert [ended.data["session_id"] for ended in found] == [two["session_id"], three["session_id"], one["session_id"]]
    assert {ended.data["reason"] for ended in found} == {"revoked"}


async def test_a_change_of_number_tells_no_number(api: Api, redis: Any, clock: Clock) -> None:
    tokens, other = await api.log_in(), await later(api, clock)
    answer = await api.change_mobile(tokens["token"], await both_codes(api, tokens["token"]))
    assert answer.status_code == 200
    *_, ended, changed = await told_soon(redis, 5)
    assert (ended.type, ended.data["session_id"]) == ("session.ended", other["session_id"])
    assert (changed.type, changed.data) == ("user.mobile_changed", {"user_id": tokens["user_id"]})
    text = str(await redis.xrange("{outbox}:events"))
    assert MOBILE not in text
    assert NEW not in text


async def test_whoever_erases_the_account_is_told_last(api: Api, redis: Any) -> None:
    tokens = await api.log_in(**{"X-Device-Id": PHONE, "X-Device-Name": "Ada's phone"})
    assert await redis.exists(f"devices:{{{tokens['user_id']}}}")
    code = await api.code_for("erase", MOBILE, tokens["token"])
    assert (await api.erase(tokens["token"], code)).status_code == 204
    assert await names(redis, 4) == ["user.created", "login", "session.ended revoked", "user.erased"]
    assert not await redis.exists(f"devices:{{{tokens['user_id']}}}")
    everything = str(await redis.xrange("{outbox}:events"))
    assert not [part for part in ("Ada", "127.0.0.1", PHONE, MOBILE) if part in everything]


async def test_what_operators_do(api: Api, console: Console, redis: Any, clock: Clock) -> None:
    tokens, other = await api.log_in(), await api.log_in(OTHER)
    path = f"/users/{tokens['user_id']}"
    await console.act("PATCH", path, json={"status": "disabled"})
    await console.act("PATCH", path, json={"status": "active"})
    again = await later(api, clock)
    await console.act("DELETE", f"{path}/sessions/{again['session_id']}")
    await console.act("PUT", f"{path}/mobile", json={"mobile": OTHER, "take": True}, headers=WHY)
    await console.act("DELETE", path, headers=WHY)
    found = (await told_soon(redis, 13))[4:]
    hers = [one for one in found if one.user == tokens["user_id"]]
    assert of(hers) == [
        "user.disabled",
        "session.ended disabled",
        "user.enabled",
        "login",
        "session.ended revoked",
        "user.mobile_changed",
        "user.erased",
    ]
    theirs = [one for one in found if one.user == other["user_id"]]
    assert of(theirs) == ["session.ended revoked", "user.mobile_changed"]


async def test_a_revocation_of_many(api: Api, console: Console, redis: Any, clock: Clock) -> None:
    devices = [await api.log_in(f"138001380{n:02}") for n in range(12)]
    clock.wait(1)
    job = await console.act("POST", "/revocations", json={"prefix": "1380013"})
    done = await over(console, job["id"])
    assert (done["state"], done["ended"]) == ("done", 12), done
    found = (await told_soon(redis, 36))[24:]
    assert {(one.user, one.data["session_id"]) for one in found} == {(d["user_id"], d["session_id"]) for d in devices}
    assert set(of(found)) == {"session.ended revoked"}


# --- Devices --------------------------------------------------------------------------------------------------------


async def test_the_person_is_told_of_a_new_device_where_that_is_wanted(
    start: Start, redis: Any, outbox: Outbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    api = await start(outbox_max=1_000, notify_new_device=True)
    for device in (PHONE, PHONE, TABLET, TABLET, PHONE):
        tokens = await later(api, clock, **{"X-Device-Id": device})
    await api.app.ctx.background.drain(10)
    assert [(notice.mobile, notice.kind) for notice in outbox.notices] == [(MOBILE, "new_device")]
    assert "new device" in outbox.notices[0].text
    assert [one.type for one in await told_soon(redis, 7)].count("login.new_device") == 1
    assert [record.getMessage() for record in caplog.records].count("login_new_device") == 1
    kept = await redis.get(f"devices:{{{tokens['user_id']}}}")
    assert len(kept) == 65
    assert PHONE.encode() not in kept


async def test_a_number_is_told_of_few_devices_a_day_and_its_codes_are_not_fewer(
    start: Start, outbox: Outbox, clock: Clock
) -> None:
    api = await start(notify_new_device=True, limit_codes_per_number="9/day")
    for n in range(7):
        await api.log_in(**{"X-Device-Id": f"device-{n:03}"})
        clock.wait(60)
    await api.app.ctx.background.drain(10)
    assert len(outbox.notices) == 3
    for _ in range(2):
        await api.new_code()
        clock.wait(60)
    clock.wait(86_400)
    await api.log_in(**{"X-Device-Id": "device-last"})
    await api.app.ctx.background.drain(10)
    assert len(outbox.notices) == 4


async def test_a_sender_that_hangs_or_refuses_keeps_no_login_waiting(start: Start, outbox: Outbox) -> None:
    api = await start(notify_new_device=True)
    codes = {f"138001380{n:02}": await api.new_code(f"138001380{n:02}") for n in range(24)}
    for mobile, code in codes.items():
        assert (await api.post_login(mobile, code, **{"X-Device-Id": PHONE})).status_code == 200
    codes = {mobile: await api.new_code(mobile) for mobile in codes}
    released = asyncio.Event()

    async def hang() -> None:
        await released.wait()

    outbox.before, outbox.refuses = hang, True
    for mobile, code in codes.items():
        assert (await api.post_login(mobile, code, **{"X-Device-Id": TABLET})).status_code == 200
    asked = outbox.asked
    released.set()
    await api.app.ctx.background.drain(10)
    assert outbox.asked - asked == 16  # what is more is not told


async def test_test_codes_and_those_who_did_not_ask_for_it_get_no_message(start: Start, outbox: Outbox) -> None:
    api = await start(notify_new_device=True, test_codes=f"{MOBILE}=246810")
    for device in (PHONE, TABLET):
        assert (await api.post_login(MOBILE, "246810", **{"X-Device-Id": device})).status_code == 200
    quiet = await start()
    for device in (PHONE, TABLET):
        await quiet.log_in(OTHER, **{"X-Device-Id": device})
    for one in (api, quiet):
        await one.app.ctx.background.drain(10)
    assert outbox.notices == []


@pytest.mark.parametrize("sent", ["", "short", "x" * 129, "with a blank", "Gerät-0123456789", "tab\there-012345"])
async def test_an_id_that_is_none_is_as_good_as_none(api: Api, redis: Any, sent: str) -> None:
    code = await api.new_code()
    body = login_body(MOBILE, code)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = f"POST {BASE}/authorizations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
    writer.write(f"{head}{len(body)}\r\nX-Device-Id: {sent}\r\nConnection: close\r\n\r\n".encode() + body)
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
    assert not await redis.keys("devices:*")


# --- What goes wrong ------------------------------------------------------------------------------------------------


async def test_logins_whose_clients_hang_up_are_told_or_have_not_happened(
    api: Api, redis: Any, database: Database
) -> None:
    mobiles = [f"138{n:08}" for n in range(60)]
    for mobile in mobiles:
        code = await api.new_code(mobile)
        await hang_up(api, "POST", f"{BASE}/authorizations", login_body(mobile, code), in_pieces=random.random() < 0.5)
    while api.app.ctx.admission.in_flight or api.app.ctx.background.orphaned:  # noqa: ASYNC110 - in another task each
        await asyncio.sleep(0.01)
    found = await told(redis)
    users = {row["id"] for row in await database.rows("SELECT id FROM users", [])}
    assert {one.user for one in found if one.type == "user.created"} == users
    sessions = {key.decode().rpartition(":")[2] for key in await redis.keys("session:*")}
    assert {one.data["session_id"] for one in found if one.type == "login"} == sessions
    assert len(found) == len(users) + len(sessions)


async def test_without_redis_a_login_is_unavailable_and_can_be_repeated(
    api: Api, start: Start, redis: Any, unused_port: int
) -> None:
    code = await api.new_code()
    away = await start(outbox_max=1_000, redis_url=f"redis://127.0.0.1:{unused_port}")
    assert error(await away.post_login(MOBILE, code)) == (503, "service_unavailable")
    assert await told(redis) == []
    assert (await api.post_login(MOBILE, code)).status_code == 200
    assert await names(redis, 2) == ["user.created", "login"]


async def test_a_new_user_whose_session_could_not_be_opened_is_told_all_the_same(
    api: Api, redis: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await api.new_code()
    broken = Script("broken", repeatable=True, source="return redis.call('NO SUCH COMMAND')")
    with monkeypatch.context() as patched:
        patched.setattr(sessions, "OPEN", broken)
        assert (await api.post_login(MOBILE, code)).status_code in {500, 503}
    assert await names(redis, 1) == ["user.created"]
    clock.wait(1)
    assert (await api.post_login(MOBILE, code)).status_code == 200
    assert await names(redis, 2) == ["user.created", "login"]


async def test_what_is_lost_is_counted_and_logged(api: Api, redis: Any) -> None:
    await redis.acl_setuser("default", enabled=True, commands=["-xadd"])
    try:
        tokens = await api.log_in()
        assert (await api.log_out(tokens["token"])).status_code == 204
    finally:
        await redis.acl_setuser("default", enabled=True, commands=["+xadd"])
    exposed = (await api.request("GET", "/metrics")).text
    assert 'latch_outbox_lost_total{reason="refused"} 3.0' in exposed
    assert await told(redis) == []
