"""Operators' change of number: without codes, from whoever has it, and the old number is told."""

import asyncio
import random
from typing import Any

import httpx
import pytest

from service.errors import ServiceUnavailable
from service.messages import Notice
from service.numbers import Numbers
from service.roles import Role
from service.stores.codes import CodeStore
from service.stores.database import Database
from service.stores.numbers import NumberStore
from service.stores.sessions import SessionStore
from service.stores.users import UserStore
from tests.admin.conftest import Console, StartConsole
from tests.api.test_accounts import migrated
from tests.client import MOBILE, Api, bearer, error
from tests.conftest import LIMITS, Clock, Outbox, Start

pytestmark = pytest.mark.slow

NEW, OTHER = "13900139000", "13700137000"
WHY = {"X-Reason": "lost%20phone"}


async def asked(console: Console, user_id: object, body: Any, **headers: str) -> httpx.Response:
    return await console.as_role(Role.ACT, "PUT", f"/users/{user_id}/mobile", json=body, headers={**WHY, **headers})


async def changed(console: Console, user_id: object, mobile: str = NEW, **more: Any) -> Any:
    response = await asked(console, user_id, {"mobile": mobile, **more})
    assert response.status_code == 200, response.text
    return response.json()["data"]


async def whole(console: Console, user_id: object) -> Any:
    return await console.act("POST", f"/users/{user_id}/reveal")


async def test_every_session_ends_the_number_is_another_and_the_old_one_is_told(
    api: Api, console: Console, outbox: Outbox, clock: Clock
) -> None:
    one, two = await api.log_in(), await api.log_in()
    user = await changed(console, one["user_id"], " +86 139-0013-9000 ")
    masked = "139****9000"
    assert (user["id"], user["mobile"], user["name"], user["sessions"]) == (one["user_id"], masked, masked, 0)
    assert user["told"] is True
    assert await whole(console, user["id"]) == {"name": NEW, "mobile": NEW}
    for tokens in (one, two):
        assert (await api.check(tokens["token"])).json()["reason"] == "revoked"
    text = "The phone number of your account was changed by support. If you did not ask for that, call us."
    assert outbox.notices == [Notice(MOBILE, text)]
    clock.wait(1)
    again, stranger = await api.log_in(NEW), await api.log_in(MOBILE)
    assert (again["user_id"], again["is_new_user"]) == (one["user_id"], False)
    assert stranger["is_new_user"] is True


async def test_a_number_that_another_user_has_is_told_and_taken_where_that_is_asked_for(
    api: Api, console: Console, outbox: Outbox
) -> None:
    tokens, holder = await api.log_in(), await api.log_in(NEW)
    for body in ({"mobile": NEW}, {"mobile": NEW, "take": False}, {"mobile": NEW, "take": None}):
        assert error(await asked(console, tokens["user_id"], body)) == (409, "mobile_taken")
    assert await api.is_live(tokens["token"])
    assert await api.is_live(holder["token"])
    await changed(console, tokens["user_id"], take=True)
    assert not await api.is_live(holder["token"])
    assert [notice.mobile for notice in outbox.notices] == [MOBILE]
    robbed = await console.act("GET", f"/users/{holder['user_id']}")
    assert (robbed["mobile"], robbed["name"], robbed["sessions"]) == (None, f"user {holder['user_id']}", 0)
    assert (await api.log_in(NEW))["user_id"] == tokens["user_id"]


async def test_whoever_has_no_number_is_found_unlocked_revealed_and_given_another(
    api: Api, console: Console, outbox: Outbox
) -> None:
    user_id, robbed = (await api.log_in())["user_id"], (await api.log_in(NEW))["user_id"]
    await changed(console, user_id, take=True)
    for query in (str(robbed), f"user {robbed}"):
        [user] = (await console.act("POST", "/users/search", json={"q": query}))["users"]
        assert (user["id"], user["mobile"]) == (robbed, None)
    assert (await console.act("POST", f"/users/{robbed}/unlock"))["id"] == robbed
    assert await whole(console, robbed) == {"name": f"user {robbed}", "mobile": None}
    for status in ("disabled", "active"):
        assert (await console.act("PATCH", f"/users/{robbed}", json={"status": status}))["status"] == status
    outbox.notices.clear()
    given = await changed(console, robbed, OTHER)
    assert (given["name"], given["told"], outbox.notices) == (f"user {robbed}", False, [])
    assert (await api.log_in(OTHER))["user_id"] == robbed


async def test_whoever_has_no_number_and_a_session_all_the_same_gets_no_codes(api: Api, database: Database) -> None:
    token = (await api.log_in())["token"]
    await database.rows("UPDATE users SET mobile = NULL", [])
    assert (await api.who(token)).json()["data"]["mobile"] is None
    for purpose in ("change", "erase"):
        for mobile in (MOBILE, NEW):
            answer = await api.send_code(mobile, purpose=purpose, **bearer(token))
            assert (error(answer), set(answer.json()["fields"])) == ((400, "invalid_request"), {"mobile"})
    body = {"mobile": NEW, "code": "123456", "current_code": "123456"}
    for answer in (await api.change_mobile(token, body), await api.erase(token, "123456")):
        assert (error(answer), set(answer.json()["fields"])) == ((400, "invalid_request"), {"mobile"})
    assert (await api.rename(token, "Ada")).json()["data"]["mobile"] is None


async def test_the_number_that_the_user_has_already_changes_nothing(
    api: Api, console: Console, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = await api.log_in()
    caplog.clear()
    user = await changed(console, tokens["user_id"], MOBILE, take=True)
    assert (user["sessions"], user["told"], outbox.notices) == (1, False, [])
    assert not [record for record in caplog.records if record.name == "latch.audit"]


@pytest.mark.parametrize("status", ["active", "disabled"])
async def test_an_operator_changes_the_number_of_a_disabled_user_too(api: Api, console: Console, status: str) -> None:
    user_id = (await api.log_in())["user_id"]
    await console.act("PATCH", f"/users/{user_id}", json={"status": status, "name": "Ada"})
    user = await changed(console, user_id)
    assert (user["status"], user["name"], user["mobile"]) == (status, "Ada", "139****9000")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"mobile"}),
        ({"mobile": "12345", "take": "yes"}, {"mobile", "take"}),
        ({"mobile": "١٣٩٠٠١٣٩٠٠٠", "take": 1}, {"mobile", "take"}),
        ({"mobile": 13900139000}, {"mobile"}),
        ([], {"body"}),
    ],
)
async def test_bad_input_names_every_bad_field(console: Console, body: Any, fields: set[str]) -> None:
    response = await asked(console, 1, body)
    assert error(response) == (400, "invalid_request")
    assert set(response.json()["fields"]) == fields


@pytest.mark.parametrize("user_id", ["4711", "0", "x", str(1 << 63)])
async def test_an_unknown_id_is_not_found(console: Console, user_id: str) -> None:
    assert error(await asked(console, user_id, {"mobile": NEW, "take": True})) == (404, "not_found")


async def test_numbers_of_test_codes_are_never_changed_from_or_to(start: Start, start_console: StartConsole) -> None:
    settings = {"test_codes": f"{MOBILE}=246810"}
    api, console = await start(**settings), await start_console(**settings)
    fixed = (await api.post_login(MOBILE, "246810")).json()["data"]
    user_id = (await api.log_in(OTHER))["user_id"]
    for one, mobile in ((fixed["user_id"], NEW), (user_id, MOBILE)):
        response = await asked(console, one, {"mobile": mobile, "take": True})
        assert (error(response), set(response.json()["fields"])) == ((400, "invalid_request"), {"mobile"})
    assert await api.is_live(fixed["token"])


async def test_what_was_done_is_in_the_audit_trail_with_name_and_reason(
    api: Api, console: Console, caplog: pytest.LogCaptureFixture, database: Database
) -> None:
    tokens, holder = await api.log_in(), await api.log_in(NEW)
    caplog.clear()
    await changed(console, tokens["user_id"], take=True)
    told = [vars(record) for record in caplog.records if record.name == "latch.audit"]
    kinds = {(one["message"], one["user_id"], one.get("mobile")) for one in told}
    assert kinds == {
        ("session_revoked", tokens["user_id"], None),
        ("session_revoked", holder["user_id"], None),
        ("mobile_changed", tokens["user_id"], "139****9000"),
        ("number_taken", holder["user_id"], "139****9000"),
    }
    assert {(one["operator"], one["remark"]) for one in told} == {("act", "lost phone")}
    await console.stop()  # which writes what is queued
    rows = await database.rows("SELECT kind, user_id FROM events WHERE reason = 'lost phone' ORDER BY id", [])
    assert ("number_taken", holder["user_id"]) in [(row["kind"], row["user_id"]) for row in rows]


# --- What goes on meanwhile -----------------------------------------------------------------------------------------


async def test_codes_that_are_out_for_either_number_are_good_for_nobody_any_more(
    api: Api, console: Console, redis: Any
) -> None:
    token, holder = (await api.log_in())["token"], await api.log_in(NEW)
    user_id = (await api.who(token)).json()["data"]["id"]
    erasing = await api.code_for("erase", NEW, holder["token"])
    for mobile, purpose in ((MOBILE, "erase"), (MOBILE, "change"), (NEW, "change")):
        await api.code_for(purpose, mobile, token)
    stale = [await api.new_code(mobile) for mobile in (MOBILE, NEW)]
    await changed(console, user_id, take=True)
    assert await redis.keys("code:*") == []
    for mobile, code in zip((MOBILE, NEW), stale, strict=True):
        assert error(await api.post_login(mobile, code)) == (400, "invalid_code")
    now = (await api.log_in(NEW))["token"]
    assert error(await api.erase(now, erasing)) == (400, "invalid_code")


async def test_limits_of_both_numbers_are_left(start: Start, start_console: StartConsole) -> None:
    api, console = await start(**LIMITS), await start_console(**LIMITS)
    user_id = (await api.log_in())["user_id"]
    assert (await api.send_code(NEW)).status_code == 200
    await changed(console, user_id)
    for mobile in (MOBILE, NEW):
        assert error(await api.send_code(mobile))[0] == 429


@pytest.mark.parametrize("at", ["before the user was looked for", "before the session was opened"])
async def test_a_login_that_is_under_way_lets_nobody_in(
    api: Api, console: Console, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    user_id, holder = (await api.log_in())["user_id"], (await api.log_in(NEW))["user_id"]
    codes = {mobile: await api.new_code(mobile) for mobile in (MOBILE, NEW)}
    log_in = UserStore.log_in
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def held_up(*of: Any) -> Any:
        found = await log_in(*of) if "opened" in at else None
        begun.release()
        await go_on.wait()
        return found or await log_in(*of)

    monkeypatch.setattr(UserStore, "log_in", held_up)
    logins = [asyncio.create_task(api.post_login(mobile, code)) for mobile, code in codes.items()]
    for _ in logins:
        await begun.acquire()
    await changed(console, user_id, take=True)
    go_on.set()
    assert {error(await login) for login in logins} == {(400, "invalid_code")}
    for one in (user_id, holder):
        assert (await console.act("GET", f"/users/{one}"))["sessions"] == 0


async def test_a_session_that_is_opened_meanwhile_ends_too(
    api: Api, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id, _ = (await api.log_in())["user_id"], await api.log_in(NEW)
    give, opened = NumberStore.give, []

    async def give_meanwhile(store: NumberStore, *of: Any) -> Any:
        opened.extend([await api.log_in(MOBILE), await api.log_in(NEW)])
        return await give(store, *of)

    monkeypatch.setattr(NumberStore, "give", give_meanwhile)
    await changed(console, user_id, take=True)
    assert [await api.is_live(login["token"]) for login in opened] == [False, False]


async def test_two_operators_who_want_one_number_for_two_people_give_it_to_one(
    api: Api, console: Console, database: Database
) -> None:
    people = [(await api.log_in(f"1351351350{n}"))["user_id"] for n in range(4)]
    holder = (await api.log_in(NEW))["user_id"]
    answers = await asyncio.gather(*(asked(console, one, {"mobile": NEW, "take": True}) for one in people))
    assert {answer.status_code for answer in answers} <= {200, 409}
    rows = await database.rows("SELECT id, mobile FROM users", [])
    assert len([row for row in rows if row["mobile"] == NEW]) == 1
    assert holder in [row["id"] for row in rows if row["mobile"] is None]
    done = [answer for answer in answers if answer.status_code == 200]
    assert len([row for row in rows if row["mobile"] is None]) == len(done)  # each was taken from one


async def test_two_operators_who_change_one_person_at_once_leave_one_number(
    api: Api, console: Console, database: Database
) -> None:
    user_id = (await api.log_in())["user_id"]
    wanted = [f"1591591590{n}" for n in range(4)]
    answers = await asyncio.gather(*(asked(console, user_id, {"mobile": mobile}) for mobile in wanted))
    assert {answer.status_code for answer in answers} <= {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert "look at the user before you repeat it" in answer.json()["message"]
    [row] = await database.rows("SELECT mobile FROM users", [])
    assert row["mobile"] in wanted


# --- What breaks down -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [{"refuses": True}, {"too_many": 60}])
async def test_a_number_that_cannot_be_told_undoes_nothing_and_is_said(
    api: Api, console: Console, outbox: Outbox, outcome: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    user_id = (await api.log_in())["user_id"]
    vars(outbox).update(outcome)
    assert (await changed(console, user_id))["told"] is False
    assert "138****8000 was not told that its account has another number" in caplog.text
    assert (await whole(console, user_id))["mobile"] == NEW


async def test_a_range_that_gets_no_messages_is_not_told(api: Api, start_console: StartConsole, outbox: Outbox) -> None:
    user_id = (await api.log_in())["user_id"]
    console = await start_console(sms_block_prefixes="138")
    assert (await changed(console, user_id))["told"] is False
    assert outbox.notices == []


async def test_telling_takes_as_long_as_the_senders_may_and_no_time_of_the_stores(
    api: Api, start_console: StartConsole, outbox: Outbox
) -> None:
    user_id = (await api.log_in())["user_id"]

    async def hang() -> None:
        await asyncio.sleep(30)

    console = await start_console(sms_timeout=1.0, stores_timeout=0.5)
    outbox.before = hang
    assert (await changed(console, user_id))["told"] is False


async def test_with_redis_away_nothing_is_changed(
    api: Api, start_console: StartConsole, unused_port: int, outbox: Outbox
) -> None:
    tokens, _ = await api.log_in(), await api.log_in(NEW)
    console = await start_console(redis_url=f"redis://127.0.0.1:{unused_port}", stores_timeout=0.5)
    response = await asked(console, tokens["user_id"], {"mobile": NEW, "take": True})
    assert error(response) == (503, "service_unavailable")
    assert "The number is as it was; sessions may have ended." in response.json()["message"]
    assert (await api.who(tokens["token"])).json()["data"]["mobile"] == MOBILE
    assert outbox.notices == []


async def test_a_redis_that_goes_once_the_number_is_changed_is_told_and_the_old_number_too(
    api: Api, console: Console, monkeypatch: pytest.MonkeyPatch, outbox: Outbox
) -> None:
    async def fail(*_: Any, **__: Any) -> bool:
        raise ServiceUnavailable

    for store, name in ((CodeStore, "forget"), (SessionStore, "end_all")):
        mobile, new = (f"1{n}{random.randrange(10**8):08}" for n in (58, 59))
        user_id = (await api.log_in(mobile))["user_id"]
        with monkeypatch.context() as patch:
            give = NumberStore.give

            async def give_and_go(*of: Any, patch: Any = patch, of_what: Any = (store, name), give: Any = give) -> Any:
                found = await give(*of)
                patch.setattr(*of_what, fail)
                return found

            patch.setattr(NumberStore, "give", give_and_go)
            response = await asked(console, user_id, {"mobile": new})
        assert error(response) == (503, "service_unavailable")
        assert "The number is changed; end every session once more" in response.json()["message"]
        assert (await whole(console, user_id))["mobile"] == new
        assert outbox.notices[-1].mobile == mobile


async def test_a_database_that_refuses_is_503_and_says_that_sessions_have_ended(
    api: Api, console: Console, database: Database, outbox: Outbox
) -> None:
    tokens, holder = await api.log_in(), await api.log_in(NEW)
    on = "BEFORE UPDATE OF mobile ON users WHEN new.mobile IS NOT NULL"
    await database.rows(
        f"CREATE TRIGGER stop {on} BEGIN SELECT no FROM users; END", []
    )  # it lets a number be taken, and not be given
    response = await asked(console, tokens["user_id"], {"mobile": NEW, "take": True})
    assert error(response) == (503, "service_unavailable")
    assert "Every session has ended" in response.json()["message"]
    await database.rows("DROP TRIGGER stop", [])
    rows = await database.rows("SELECT mobile FROM users ORDER BY id", [])
    assert [row["mobile"] for row in rows] == [MOBILE, NEW]
    assert outbox.notices == []
    assert not await api.is_live(holder["token"])
    await changed(console, tokens["user_id"], take=True)


async def test_a_client_that_hangs_up_leaves_nothing_half_done(
    api: Api, console: Console, database: Database, outbox: Outbox
) -> None:
    one, other = (await api.log_in())["user_id"], (await api.log_in(NEW))["user_id"]
    for n in range(20):
        giving = asyncio.create_task(asked(console, (one, other)[n % 2], {"mobile": NEW, "take": True}))
        await asyncio.sleep(random.uniform(0, 0.02))
        giving.cancel()
        await asyncio.gather(giving, return_exceptions=True)
        await console.app.ctx.background.drain(5)
        rows = await database.rows("SELECT mobile FROM users", [])
        assert [row["mobile"] for row in rows].count(NEW) == 1
    # The last that was sent may begin just now: whoever meets it is told to look, and to do it again.
    answers = [(await asked(console, one, {"mobile": OTHER})).status_code for _ in range(5)]
    assert answers[-1] == 200, answers


@pytest.fixture(params=["sqlite and one Redis", "PostgreSQL and a Cluster"])
async def places(request: pytest.FixtureRequest, loop: Any) -> dict[str, str]:
    """Settings that name the stores."""
    if "Cluster" not in request.param:
        return {}
    cluster, postgres = (request.getfixturevalue(name) for name in ("cluster_redis", "postgres"))
    return {"redis_url": cluster, "database_url": await migrated(postgres)}


async def test_a_change_that_is_cut_off_anywhere_is_done_whole_or_not_at_all(
    start: Start, start_console: StartConsole, places: dict[str, str]
) -> None:
    api, console = await start(**places), await start_console(**places)
    mobile, new, other = "15612340001", "15612340002", "15612340003"
    one, two = [(await api.log_in(number))["user_id"] for number in (mobile, new)]
    numbers: Numbers = console.app.ctx.numbers
    for n in range(40):
        giving = asyncio.create_task(numbers.change((one, two)[n % 2], new, take=True))
        await asyncio.sleep(random.uniform(0, 0.01))
        giving.cancel()
        await asyncio.gather(giving, return_exceptions=True)
        holders = (await console.act("POST", "/users/search", json={"q": new}))["users"]
        assert [user["id"] in {one, two} for user in holders] == [True]
    await changed(console, one, other)
    await changed(console, two, new)
    assert (await api.log_in(new))["user_id"] == two


async def test_it_all_works_on_every_kind_of_store(
    start: Start, start_console: StartConsole, places: dict[str, str], outbox: Outbox
) -> None:
    api, console = await start(**places), await start_console(**places)
    mobile, new = "15712340001", "15712340002"
    tokens, holder = await api.log_in(mobile), await api.log_in(new)
    assert error(await asked(console, tokens["user_id"], {"mobile": new})) == (409, "mobile_taken")
    user = await changed(console, tokens["user_id"], new, take=True)
    assert (user["mobile"], user["name"], user["told"]) == ("157****0002", "157****0002", True)
    assert [notice.mobile for notice in outbox.notices] == [mobile]
    assert [await api.is_live(one["token"]) for one in (tokens, holder)] == [False, False]
    assert (await api.log_in(new))["user_id"] == tokens["user_id"]
    [robbed] = (await console.act("POST", "/users/search", json={"q": f"user {holder['user_id']}"}))["users"]
    assert (robbed["id"], robbed["mobile"]) == (holder["user_id"], None)
