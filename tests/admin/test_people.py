"""People as operators see them: found, looked at, renamed, disabled, unlocked, revealed."""

import time
from typing import Any

import pytest

from service.audit_events import NewEvent
from service.entities import UserStatus
from service.people import PAGE
from service.roles import Role
from service.stores.database import Database
from service.stores.events import EventStore
from tests.admin.conftest import Console, StartConsole
from tests.client import MOBILE, Api, error
from tests.conftest import LIMITS, Clock, Start

pytestmark = pytest.mark.slow

OTHER, MASKED = "13900139000", "138****8000"


async def found(console: Console, query: str | None = None, role: Role = Role.ACT) -> list[int]:
    body = {} if query is None else {"q": query}
    response = await console.as_role(role, "POST", "/users/search", json=body)
    assert response.status_code == 200, response.text
    return [user["id"] for user in response.json()["data"]["users"]]


async def test_a_person_is_shown_with_number_and_name_masked(api: Api, console: Console) -> None:
    tokens = await api.log_in()
    await api.log_in()
    user = await console.act("GET", f"/users/{tokens['user_id']}")
    assert user == {
        "id": tokens["user_id"],
        "name": MASKED,
        "mobile": MASKED,
        "status": "active",
        "created_at": "2026-01-01T00:00:00Z",
        "last_login": "2026-01-01T00:00:00Z",
        "sessions": 2,
    }
    [same] = (await console.act("POST", "/users/search", json={"q": MOBILE}))["users"]
    assert same == user


@pytest.mark.parametrize("name", [MOBILE, f"+86 {MOBILE}", "138-0013-8000", f"Ada {MOBILE}"])
async def test_a_name_with_the_number_in_it_is_masked(api: Api, console: Console, name: str) -> None:
    user_id = (await api.log_in())["user_id"]
    renamed = await console.act("PATCH", f"/users/{user_id}", json={"name": name})
    assert renamed["name"] == MASKED
    assert (await console.act("POST", f"/users/{user_id}/reveal"))["name"] == name


async def test_a_token_finds_its_user_for_everybody_and_is_explained(api: Api, console: Console) -> None:
    tokens, _ = await api.log_in(), await api.log_in(OTHER)
    for role, token in (*((role, tokens["token"]) for role in Role), (Role.LOOK, tokens["refresh_token"])):
        answer = await console.as_role(role, "POST", "/users/search", json={"q": f" {token} "})
        data = answer.json()["data"]
        assert (data["by"], [user["id"] for user in data["users"]]) == ("token", [tokens["user_id"]])
        explained = await console.act("POST", "/explain", json={"token": token})
        assert data["explained"] == explained
        assert (explained["live"], explained["session_id"]) == (True, tokens["session_id"])
    await api.log_out(tokens["token"])
    ended = await console.act("POST", "/users/search", json={"q": tokens["token"]})
    assert (ended["explained"]["live"], [user["id"] for user in ended["users"]]) == (False, [tokens["user_id"]])
    made_up = await console.act("POST", "/users/search", json={"q": "x" * 64})
    assert (made_up["by"], made_up["users"], made_up["explained"]["live"]) == ("token", [], False)


async def test_what_was_looked_for_is_told(api: Api, console: Console) -> None:
    tokens = await api.log_in()
    for query, by in ((None, "nothing"), (MOBILE, "number"), (str(tokens["user_id"]), "user_id"), ("Ada", "name")):
        data = await console.act("POST", "/users/search", json={"q": query})
        assert (data["by"], data["explained"]) == (by, None)
    assert (await console.act("POST", "/users/search", json={"q": tokens["session_id"]}))["by"] == "session_id"


@pytest.mark.parametrize("written", [MOBILE, "+86 138 0013 8000", "tel:138-0013-8000"])
@pytest.mark.parametrize("role", Role)
async def test_everybody_finds_people_by_whole_numbers(api: Api, console: Console, written: str, role: Role) -> None:
    user_id = (await api.log_in())["user_id"]
    await api.log_in(OTHER)
    assert await found(console, written, role) == [user_id]
    assert await found(console, "15000150000", role) == []


async def test_the_others_find_by_id_and_by_the_start_of_a_name(api: Api, console: Console) -> None:
    ada, bob = [(await api.log_in(mobile))["user_id"] for mobile in (MOBILE, OTHER)]
    await console.act("PATCH", f"/users/{ada}", json={"name": "Ada Lovelace"})
    await console.act("PATCH", f"/users/{bob}", json={"name": "Ada_%?"})
    assert await found(console, str(ada)) == [ada]
    assert await found(console, "Ada") == [bob, ada]
    assert await found(console, " Ada L ") == [ada]
    assert await found(console, "Ada_%") == [bob]
    assert await found(console, "ada") == await found(console, "Lovelace") == await found(console, "%") == []


async def test_somebody_is_found_by_the_id_of_a_session_and_by_its_keys(
    api: Api, console: Console, database: Database
) -> None:
    store, now = EventStore(database), time.time()  # what is older is swept
    ada, bob = [(await api.log_in(mobile))["user_id"] for mobile in (MOBILE, OTHER)]
    sid, erased = "9f86d081884c7d65", "00000000000000e1"
    await store.add([NewEvent(now, "login", ada, sid), NewEvent(now, "login", -5, erased)])
    await store.add([NewEvent(now, "refresh", bob, "00000000000000ff")])
    for written in (sid, f"session:{{{ada}}}:{sid}", f"token:{{{ada}}}:{sid}:12ab"):
        assert await found(console, written) == [ada]
    for unknown in (erased, "00000000000000ff", "00000000000000fe", f"session:{{{ada}}}"):
        assert await found(console, unknown) == []


async def test_a_number_is_not_found_digit_by_digit(api: Api, console: Console) -> None:
    await api.log_in()
    for length in range(2, len(MOBILE)):
        assert await found(console, MOBILE[:length]) == []


@pytest.mark.parametrize("query", ["Ada", "1", MOBILE[:10], "9f86d081884c7d65"])
async def test_who_may_only_look_finds_by_whole_numbers_alone(console: Console, query: str) -> None:
    response = await console.as_role(Role.LOOK, "POST", "/users/search", json={"q": query})
    assert error(response) == (403, "forbidden")


async def test_the_newest_come_page_by_page(console: Console, database: Any) -> None:
    assert await found(console) == []
    rows = ", ".join(f"('{13_000_000_000 + n}', 'Ada', 'active', '2026-01-01', '2026-01-01')" for n in range(PAGE * 2))
    await database.rows(f"INSERT INTO users (mobile, name, status, created_at, last_login) VALUES {rows}", [])
    for body in ({}, {"q": "A"}):
        first = await console.act("POST", "/users/search", json=body)
        await database.rows(
            "INSERT INTO users (mobile, name, status, created_at, last_login) "
            f"VALUES ('1590000000{len(body)}', 'Ada', 'active', '2026-01-01', '2026-01-01')",
            [],
        )
        second = await console.act("POST", "/users/search", json={**body, "cursor": first["next"]})
        ids = [user["id"] for user in (*first["users"], *second["users"])]
        assert len(first["users"]) == len(second["users"]) == PAGE
        assert ids == sorted(set(ids), reverse=True)
    assert second["next"] is not None
    third = await console.act("POST", "/users/search", json={"q": "A", "cursor": second["next"]})
    assert (len(third["users"]), third["next"]) == (1, None)


@pytest.mark.parametrize(
    ("path", "method", "body", "fields"),
    [
        ("/users/search", "POST", {"q": 1, "cursor": []}, {"q", "cursor"}),
        ("/users/search", "POST", {"cursor": "x"}, {"cursor"}),
        ("/users/search", "POST", [], {"body"}),
        ("/users/1", "PATCH", {"name": "", "status": "gone"}, {"name", "status"}),
        ("/users/1", "PATCH", {"name": "x" * 65}, {"name"}),
        ("/users/1", "PATCH", {"name": "a\nb"}, {"name"}),
        ("/users/1", "PATCH", {"name": 1, "status": 1}, {"name", "status"}),
        ("/explain", "POST", {}, {"token"}),
        ("/explain", "POST", {"token": 1}, {"token"}),
    ],
)
async def test_bad_input_names_every_bad_field(
    console: Console, path: str, method: str, body: object, fields: set[str]
) -> None:
    response = await console.as_role(Role.ACT, method, path, json=body)
    assert error(response) == (400, "invalid_request")
    assert set(response.json()["fields"]) == fields


@pytest.mark.parametrize("user_id", ["7", "0", "-1", "x", "1.0", str(1 << 63), "9" * 40, "\u0667"])
async def test_an_unknown_id_is_not_found(console: Console, user_id: str) -> None:
    asked = [("GET", ""), ("PATCH", ""), ("POST", "/reveal"), ("POST", "/unlock"), ("GET", "/sessions")]
    asked += [("DELETE", "/sessions"), ("DELETE", "/sessions/9f86d081884c7d65")]
    for method, rest in asked:
        body: dict[str, Any] = {"json": {"name": "Ada"}} if method == "PATCH" else {}
        response = await console.as_role(Role.ACT, method, f"/users/{user_id}{rest}", **body)
        assert error(response) == (404, "not_found"), (method, rest)


async def test_unknown_fields_are_ignored_and_nothing_to_change_changes_nothing(api: Api, console: Console) -> None:
    user_id = (await api.log_in())["user_id"]
    before = await console.act("GET", f"/users/{user_id}")
    assert await console.act("PATCH", f"/users/{user_id}", json={"mobile": OTHER, "name": None}) == before


async def test_disabling_ends_every_session_and_enabling_lets_in_again(api: Api, console: Console) -> None:
    tokens = await api.log_in()
    disabled = await console.act("PATCH", f"/users/{tokens['user_id']}", json={"status": "disabled", "name": "Ada"})
    assert (disabled["status"], disabled["sessions"], disabled["name"]) == ("disabled", 0, "Ada")
    assert (await api.check(tokens["token"])).json()["reason"] == "disabled"
    assert error(await api.post_login(MOBILE, await api.new_code())) == (403, "user_disabled")
    enabled = await console.act("PATCH", f"/users/{tokens['user_id']}", json={"status": "active"})
    assert enabled["status"] == "active"
    await api.log_in()


async def test_what_was_done_before_redis_went_away_is_told(
    api: Api, start_console: StartConsole, unused_port: int
) -> None:
    user_id = (await api.log_in())["user_id"]
    console = await start_console(redis_url=f"redis://127.0.0.1:{unused_port}")
    response = await console.as_role(Role.ACT, "PATCH", f"/users/{user_id}", json={"status": "disabled"})
    assert error(response) == (503, "service_unavailable")
    assert "can log in no more, but still has every session" in response.json()["message"]
    assert (await api.app.ctx.users.find(MOBILE)).status is UserStatus.DISABLED


async def test_a_number_and_its_name_are_shown_whole_by_reveal_alone(
    api: Api, console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    user_id = (await api.log_in())["user_id"]
    answers = [await console.act("GET", f"/users/{user_id}"), await console.act("POST", "/users/search", json={})]
    answers.append(await console.act("GET", f"/users/{user_id}/sessions"))
    assert MOBILE not in str(answers)
    caplog.clear()
    reason = "%E6%8A%95%E8%AF%89%20%2342"  # in UTF-8, percent-encoded
    revealed = await console.act("POST", f"/users/{user_id}/reveal", headers={"X-Reason": reason})
    assert revealed == {"name": MOBILE, "mobile": MOBILE}
    [record] = [vars(record) for record in caplog.records if record.name == "latch.audit"]
    assert (record["message"], record["user_id"], record["mobile"]) == ("number_revealed", user_id, MASKED)
    assert (record["operator"], record["remark"]) == ("act", "\u6295\u8bc9 #42")


async def test_what_an_operator_does_stands_in_the_log_with_name_and_reason_and_nobody_else_s(
    api: Api, console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = await api.log_in()
    reason = {"X-Reason": f"%C2%85{'x' * 250}"}
    await console.act("DELETE", f"/users/{tokens['user_id']}/sessions", headers=reason)
    await api.log_in()
    audit = {record.getMessage(): vars(record) for record in caplog.records if record.name == "latch.audit"}
    assert audit["session_revoked"]["operator"] == "act"
    assert audit["session_revoked"]["remark"] == "x" * 200
    assert "operator" not in audit["login"]


async def test_unlocking_forgets_tries_and_cool_downs(start: Start, start_console: StartConsole, clock: Clock) -> None:
    api = await start(**LIMITS)
    console = await start_console(**LIMITS)
    user_id = (await api.log_in())["user_id"]
    assert error(await api.send_code())[0] == 429
    assert (await console.act("POST", f"/users/{user_id}/unlock"))["id"] == user_id
    assert (await api.send_code()).status_code == 200
