"""What people do with their own account, over HTTP: another name, another number, the end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import orjson
import pytest

from service.errors import ServiceUnavailable
from service.stores.codes import CodeStore
from service.stores.database import Database
from service.stores.redis.connection import Connection
from service.stores.users import UserStore
from tests.api.test_hangups import hang_up
from tests.client import BASE, MOBILE, Api, bearer, error
from tests.conftest import LIMITS, NAMES, Clock, Start

pytestmark = pytest.mark.slow

NEW, OTHER = "13900139000", "13700137000"


def wrong(*codes: str) -> str:
    return next(code for n in range(len(codes) + 1) if (code := f"{n:06}") not in codes)


async def both_codes(api: Api, token: str, new: str = NEW, present: str = MOBILE) -> dict[str, str]:
    """The body of a change of number."""
    current = await api.code_for("change", present, token)
    return {"mobile": new, "code": await api.code_for("change", new, token), "current_code": current}


# --- A name ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Ada", "李雷", "x" * 64, "👩‍👩‍👧", "O'Neill; DROP TABLE users", MOBILE])
async def test_a_name_is_kept(api: Api, clock: Clock, name: str) -> None:
    token = (await api.log_in())["token"]
    answer = await api.rename(token, f" {name}\u3000")
    assert answer.status_code == 200
    assert answer.json()["data"] == (await api.who(token)).json()["data"]
    assert answer.json()["data"]["name"] == name
    clock.wait(1)
    assert (await api.log_in())["is_new_user"] is False
    assert (await api.who(token)).json()["data"]["name"] == name


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 65, "a\nb", "a\x00", "\u200b", "a\u202eb", "a\u2028b", "\x85a\x85b", None, 1, ["Ada"]]
)
async def test_what_is_no_name_is_refused(api: Api, name: Any) -> None:
    token = (await api.log_in())["token"]
    answer = await api.rename(token, name)
    assert error(answer) == (400, "invalid_request")
    assert set(answer.json()["fields"]) == {"name"}
    assert (await api.who(token)).json()["data"]["name"] == MOBILE


# --- Another number -------------------------------------------------------------------------------------------------


async def test_a_number_is_changed_by_a_code_sent_to_each(api: Api, clock: Clock) -> None:
    tokens, elsewhere = await api.log_in(), await api.log_in()
    answer = await api.change_mobile(tokens["token"], await both_codes(api, tokens["token"]))
    assert answer.status_code == 200
    user = (await api.who(tokens["token"])).json()["data"]
    assert answer.json()["data"] == user
    assert (user["id"], user["mobile"], user["name"]) == (tokens["user_id"], NEW, NEW)
    ended = await api.check(elsewhere["token"])
    assert (error(ended), ended.json()["reason"]) == ((401, "session_ended"), "revoked")
    clock.wait(1)
    again, stranger = await api.log_in(NEW), await api.log_in(MOBILE)
    assert (again["user_id"], again["is_new_user"]) == (tokens["user_id"], False)
    assert stranger["is_new_user"] is True


async def test_a_name_of_ones_own_stays(api: Api) -> None:
    token = (await api.log_in())["token"]
    await api.rename(token, "Ada")
    assert (await api.change_mobile(token, await both_codes(api, token))).json()["data"]["name"] == "Ada"


async def test_both_codes_are_spent_by_a_change_and_by_nothing_else(api: Api, redis: Any) -> None:
    token = (await api.log_in())["token"]
    body = await both_codes(api, token)
    bad = wrong(body["code"], body["current_code"])
    for change in ({"code": bad}, {"current_code": bad}, {"mobile": OTHER}):
        assert error(await api.change_mobile(token, {**body, **change})) == (400, "invalid_code")
    assert (await api.who(token)).json()["data"]["mobile"] == MOBILE
    assert (await api.change_mobile(token, body)).status_code == 200
    assert await redis.keys("code:*") == []
    assert error(await api.change_mobile(token, body)) == (400, "invalid_code")


async def test_codes_of_another_purpose_change_nothing(api: Api) -> None:
    token = (await api.log_in())["token"]
    body = await both_codes(api, token)
    others = {
        "code": [await api.new_code(NEW)],
        "current_code": [await api.new_code(MOBILE), await api.code_for("erase", MOBILE, token)],
    }
    for name, codes in others.items():
        for code in codes:
            assert error(await api.change_mobile(token, {**body, name: code})) == (400, "invalid_code")


async def test_ones_own_number_is_no_other_one(api: Api) -> None:
    token = (await api.log_in())["token"]
    code = await api.code_for("change", MOBILE, token)
    answer = await api.change_mobile(token, {"mobile": MOBILE, "code": code, "current_code": code})
    assert error(answer) == (400, "invalid_code")


async def test_a_number_that_is_taken_is_told_after_both_codes_were_right_and_nobody_is_logged_out(api: Api) -> None:
    owner, tokens, elsewhere = await api.log_in(NEW), await api.log_in(), await api.log_in()
    body = await both_codes(api, tokens["token"])
    bad = wrong(body["code"], body["current_code"])
    for change in ({"code": bad}, {"current_code": bad}):
        assert error(await api.change_mobile(tokens["token"], {**body, **change})) == (400, "invalid_code")
    assert error(await api.change_mobile(tokens["token"], body)) == (409, "mobile_taken")
    assert await api.is_live(owner["token"])
    assert await api.is_live(elsewhere["token"])
    await api.erase(owner["token"], await api.code_for("erase", NEW, owner["token"]))
    body["code"] = await api.code_for("change", NEW, tokens["token"])  # erasing forgets the codes of its number
    assert (await api.change_mobile(tokens["token"], body)).status_code == 200


async def test_of_many_who_want_one_number_at_once_one_gets_it(api: Api, database: Database) -> None:
    people = [f"1351351350{n}" for n in range(6)]
    tokens = {mobile: (await api.log_in(mobile))["token"] for mobile in people}
    bodies = {mobile: await both_codes(api, tokens[mobile], NEW, mobile) for mobile in people}
    answers = await asyncio.gather(*(api.change_mobile(tokens[mobile], bodies[mobile]) for mobile in people))
    assert min(answer.status_code for answer in answers) == 200
    assert {error(answer) for answer in answers if answer.status_code != 200} <= {
        (400, "invalid_code"),  # it is one code, lent to one at a time
        (409, "mobile_taken"),
    }
    assert len(await database.rows("SELECT id FROM users WHERE mobile = ?", [NEW])) == 1
    assert len(await database.rows("SELECT id FROM users", [])) == len(people)


async def test_numbers_of_test_codes_are_never_changed_from_or_to(start: Start) -> None:
    api = await start(test_codes=f"{MOBILE}=246810")
    reviewer = (await api.post_login(MOBILE, "246810")).json()["data"]["token"]
    person = (await api.log_in(OTHER))["token"]
    for token, mobile in ((reviewer, NEW), (person, MOBILE)):
        body = {"mobile": mobile, "code": "246810", "current_code": "246810"}
        answer = await api.change_mobile(token, body)
        assert error(answer) == (400, "invalid_request")
        assert set(answer.json()["fields"]) == {"mobile"}


async def test_a_change_names_every_bad_field_at_once(api: Api) -> None:
    token = (await api.log_in())["token"]
    answer = await api.change_mobile(token, {"mobile": "12", "code": 123456})
    assert error(answer) == (400, "invalid_request")
    assert set(answer.json()["fields"]) == {"mobile", "code", "current_code"}


async def test_wrong_codes_of_a_change_count_for_the_number_they_were_sent_to(start: Start) -> None:
    api = await start(limit_tries_per_number="3/day")
    token = (await api.log_in())["token"]
    body = await both_codes(api, token)
    bad = wrong(body["code"], body["current_code"])
    for _ in range(3):
        assert error(await api.change_mobile(token, {**body, "code": bad})) == (400, "invalid_code")
    assert error(await api.change_mobile(token, body)) == (429, "too_many_requests")


async def test_a_login_with_the_old_number_that_was_under_way_is_ended_too(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await api.log_in()
    body = await both_codes(api, tokens["token"])
    change = UserStore.change_mobile
    under_way: list[dict[str, Any]] = []

    async def change_meanwhile(store: UserStore, *of: Any) -> Any:
        under_way.append(await api.log_in())
        return await change(store, *of)

    monkeypatch.setattr(UserStore, "change_mobile", change_meanwhile)
    assert (await api.change_mobile(tokens["token"], body)).status_code == 200
    [login] = under_way
    assert login["user_id"] == tokens["user_id"]
    assert not await api.is_live(login["token"])
    assert await api.is_live(tokens["token"])


async def test_a_redis_that_goes_once_the_row_is_changed_cannot_undo_it(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: Any) -> bool:
        raise ServiceUnavailable

    token = (await api.log_in())["token"]
    body = await both_codes(api, token)
    monkeypatch.setattr(CodeStore, "spend", fail)
    assert (await api.change_mobile(token, body)).json()["data"]["mobile"] == NEW
    assert "could not be spent" in caplog.text
    code = await api.code_for("erase", NEW, token)
    assert (await api.erase(token, code)).status_code == 204
    assert not await api.is_live(token)


# --- The end --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_post", [False, True])
async def test_an_erased_user_is_gone_at_once_and_comes_back_as_another(
    api: Api,
    database: Database,
    by_post: bool,  # noqa: FBT001
) -> None:
    tokens, elsewhere = await api.log_in(), await api.log_in()
    code = await api.code_for("erase", MOBILE, tokens["token"])
    answer = await api.erase(tokens["token"], code, by_post=by_post)
    assert (answer.status_code, answer.content) == (204, b"")
    for of in (tokens, elsewhere):
        assert error(await api.check(of["token"])) == (401, "session_ended")
        assert error(await api.who(of["token"])) == (401, "session_ended")
        assert error(await api.refresh(of["refresh_token"])) == (403, "session_ended")
    assert await database.rows("SELECT id FROM users", []) == []
    again = await api.log_in()
    assert again["is_new_user"] is True
    assert again["user_id"] != tokens["user_id"]


async def test_the_audit_trail_tells_nothing_of_who_was_erased(start: Start, database: Database) -> None:
    api = await start()
    tokens = await api.log_in()
    assert (await api.erase(tokens["token"], await api.code_for("erase", MOBILE, tokens["token"]))).status_code == 204
    for _ in range(100):  # the writer's half second, and what it sees to then
        rows = await database.rows("SELECT kind, user_id, mobile, ip, device FROM events", [])
        if "user_erased" in {row["kind"] for row in rows} and all((row["user_id"] or 0) <= 0 for row in rows):
            break
        await asyncio.sleep(0.05)
    of_user = [row for row in rows if row["user_id"]]
    assert {"login", "user_erased"} <= {row["kind"] for row in of_user}
    assert len({row["user_id"] for row in of_user}) == 1
    assert all(row["user_id"] < 0 and not (row["mobile"] or row["ip"] or row["device"]) for row in of_user)


async def test_nothing_of_an_erased_number_stays_in_redis(start: Start, redis: Any) -> None:
    api = await start(**{**LIMITS, "limit_code_cooldown": "off"})
    token = (await api.log_in())["token"]
    code = await api.code_for("erase", MOBILE, token)
    await api.new_code()
    assert error(await api.post_login(MOBILE, wrong(api.phone.code(MOBILE)))) == (400, "invalid_code")
    assert (await api.erase(token, code)).status_code == 204
    assert [key for key in await redis.keys("*") if NAMES.of(MOBILE).encode() in key] == []


async def test_only_the_right_code_erases(api: Api) -> None:
    tokens = await api.log_in()
    code = await api.code_for("erase", MOBILE, tokens["token"])
    others = [wrong(code), await api.new_code(), await api.code_for("change", MOBILE, tokens["token"])]
    for other in others:
        assert error(await api.erase(tokens["token"], other)) == (400, "invalid_code")
    assert await api.is_live(tokens["token"])
    assert (await api.erase(tokens["token"], code)).status_code == 204


@pytest.mark.parametrize("body", [{}, {"code": 123456}, {"code": "12"}, [], "123456"])
async def test_erasing_takes_a_code(api: Api, body: Any) -> None:
    token = (await api.log_in())["token"]
    for method, path in (("DELETE", "/user"), ("POST", "/user/erase")):
        content = orjson.dumps(body)
        headers = {**bearer(token), "Content-Type": "application/json"}
        answer = await api.send(method, f"{BASE}{path}", content=content, headers=headers)
        assert error(answer) == (400, "invalid_request")
    assert await api.is_live(token)


async def test_a_number_of_test_codes_is_erased_by_its_code(start: Start) -> None:
    api = await start(test_codes=f"{MOBILE}=246810")
    for _ in range(2):
        logged_in = (await api.post_login(MOBILE, "246810")).json()["data"]
        assert logged_in["is_new_user"] is True
        assert (await api.erase(logged_in["token"], "246810")).status_code == 204
        assert not await api.is_live(logged_in["token"])


async def test_a_login_that_is_under_way_while_its_user_is_erased_lets_nobody_in(
    api: Api, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    token = (await api.log_in())["token"]
    code, erase = await api.code_for("erase", MOBILE, token), UserStore.erase
    under_way: list[Any] = []

    async def erase_meanwhile(store: UserStore, user_id: int) -> None:
        under_way.append(await api.post_login(MOBILE, await api.new_code()))
        await erase(store, user_id)

    monkeypatch.setattr(UserStore, "erase", erase_meanwhile)
    assert (await api.erase(token, code)).status_code == 204
    assert [error(answer) for answer in under_way] == [(403, "user_disabled")]
    assert await database.rows("SELECT id FROM users", []) == []
    assert (await api.log_in())["is_new_user"] is True


# --- All of them ----------------------------------------------------------------------------------------------------

ROUTES = [
    ("PATCH", "/user", {"name": "Ada"}),
    ("PUT", "/user/mobile", {"mobile": NEW, "code": "123456", "current_code": "123456"}),
    ("DELETE", "/user", {"code": "123456"}),
    ("POST", "/user/erase", {"code": "123456"}),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_without_a_live_access_token_it_is_401_and_never_403(
    api: Api, method: str, path: str, body: dict[str, str]
) -> None:
    tokens = await api.log_in()
    for headers in ({}, bearer("x" * 64), bearer(tokens["refresh_token"])):
        answer = await api.send(method, f"{BASE}{path}", json=body, headers=headers)
        assert error(answer) == (401, "invalid_token")
        assert "www-authenticate" in answer.headers
    await api.log_out(tokens["token"])
    answer = await api.send(method, f"{BASE}{path}", json=body, headers=bearer(tokens["token"]))
    assert error(answer) == (401, "session_ended")
    assert answer.json()["reason"] == "logged_out"


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_a_disabled_user_changes_nothing(
    api: Api, database: Database, method: str, path: str, body: dict[str, str]
) -> None:
    token = (await api.log_in())["token"]
    await database.rows("UPDATE users SET status = 'disabled'", [])
    answer = await api.send(method, f"{BASE}{path}", json=body, headers=bearer(token))
    assert error(answer) == (401, "invalid_token")
    [row] = await database.rows("SELECT name, mobile FROM users", [])
    assert row == {"name": MOBILE, "mobile": MOBILE}


async def test_a_database_that_refuses_is_503_and_leaves_the_codes_good(api: Api, database: Database) -> None:
    tokens = await api.log_in()
    body = await both_codes(api, tokens["token"])
    erasing = await api.code_for("erase", MOBILE, tokens["token"])
    await database.rows("ALTER TABLE users RENAME TO away", [])
    assert error(await api.rename(tokens["token"], "Ada")) == (503, "service_unavailable")
    assert error(await api.change_mobile(tokens["token"], body)) == (503, "service_unavailable")
    assert error(await api.erase(tokens["token"], erasing)) == (503, "service_unavailable")
    await database.rows("ALTER TABLE away RENAME TO users", [])
    assert await api.is_live(tokens["token"])
    assert (await api.change_mobile(tokens["token"], body)).status_code == 200


async def test_what_is_half_done_can_be_done_again(api: Api, database: Database) -> None:
    tokens = await api.log_in()
    erasing = await api.code_for("erase", MOBILE, tokens["token"])
    stop = "CREATE TRIGGER stop BEFORE DELETE ON users BEGIN SELECT no_such_column FROM users; END"
    await database.rows(stop, [])
    assert error(await api.erase(tokens["token"], erasing)) == (503, "service_unavailable")
    assert not await api.is_live(tokens["token"])  # that comes first
    await database.rows("DROP TRIGGER stop", [])
    again = await api.log_in()
    assert again["user_id"] == tokens["user_id"]
    assert (await api.erase(again["token"], erasing)).status_code == 204
    assert await database.rows("SELECT id FROM users", []) == []


async def test_with_redis_away_nothing_is_changed(start: Start, connection: Connection, unused_port: int) -> None:
    token = (await (await start()).log_in())["token"]
    away = await start(redis_url=f"redis://127.0.0.1:{unused_port}/0", stores_timeout=0.5)
    for method, path, body in ROUTES:
        answer = await away.send(method, f"{BASE}{path}", json=body, headers=bearer(token))
        assert error(answer) == (503, "service_unavailable")


async def test_changes_whose_clients_hang_up_are_done_whole_or_not_at_all(api: Api, redis: Any) -> None:
    number, token = MOBILE, (await api.log_in())["token"]
    for n in range(20):
        new = f"158{n:08}"
        body = orjson.dumps(await both_codes(api, token, new, number))
        await hang_up(api, "PUT", f"{BASE}/user/mobile", body, token=token)
        await api.app.ctx.background.drain(5)
        now = (await api.who(token)).json()["data"]["mobile"]
        assert now in {number, new}
        left = await redis.keys("code:*")
        assert len(left) == (0 if now == new else 2)
        for key in left:
            assert not await redis.hget(key, "holder")
            await redis.delete(key)
        number = now


async def test_what_was_done_is_in_the_audit_trail(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    tokens = await api.log_in()
    await api.rename(tokens["token"], "Ada")
    await api.change_mobile(tokens["token"], await both_codes(api, tokens["token"]))
    code = await api.code_for("erase", NEW, tokens["token"])
    await api.erase(tokens["token"], wrong(code))
    await api.erase(tokens["token"], code)
    told = [record.message for record in caplog.records if record.name == "latch.audit"]
    text = "\n".join(told)
    for event in ("name_changed", "mobile_changed", "code_refused", "user_erased"):
        assert event in text
    assert NEW not in text
    assert "Ada" not in text


async def test_pages_of_other_origins_may_use_the_methods(start: Start) -> None:
    api = await start(cors_origins="https://app.example.com")
    for method, path in (("PATCH", "/user"), ("PUT", "/user/mobile"), ("DELETE", "/user")):
        headers = {
            "Origin": "https://app.example.com",
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        answer = await api.request("OPTIONS", f"{BASE}{path}", headers=headers)
        assert answer.status_code in {200, 204}
        assert method in answer.headers["access-control-allow-methods"].upper()


async def migrated(url: str) -> str:
    """The address of an empty PostgreSQL with the tables."""
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    database = Database(url, timeout=10, pool_size=1)
    await database.open()
    await database.migrate()
    await database.close()
    return url


@pytest.fixture
async def lent_cluster(cluster_redis: str, loop: Any) -> AsyncIterator[str]:
    """Emptied afterwards: the users of other tests have the same ids, and an erased one's cannot log in for a while."""
    yield cluster_redis
    connection = Connection(cluster_redis, timeout=10)
    await connection.ping()
    await connection.redis.flushall()
    await connection.close()


async def test_it_all_works_on_a_cluster_and_postgresql(start: Start, lent_cluster: str, postgres: str) -> None:
    unlimited = {**LIMITS, "limit_code_cooldown": "off"}
    api = await start(redis_url=lent_cluster, database_url=await migrated(postgres), **unlimited)
    mobile, new = "15512340001", "15512340002"
    tokens, other = await api.log_in(mobile), await api.log_in(OTHER)
    taken = await api.change_mobile(other["token"], await both_codes(api, other["token"], mobile, OTHER))
    assert error(taken) == (409, "mobile_taken")
    assert (await api.rename(tokens["token"], "李雷")).is_success
    assert (await api.change_mobile(tokens["token"], await both_codes(api, tokens["token"], new, mobile))).is_success
    assert (await api.who(tokens["token"])).json()["data"]["name"] == "李雷"
    code = await api.code_for("erase", new, tokens["token"])
    assert (await api.erase(tokens["token"], code)).status_code == 204
    assert not await api.is_live(tokens["token"])
    again = await api.log_in(new)
    assert again["is_new_user"] is True
