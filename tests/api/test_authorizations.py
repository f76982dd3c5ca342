"""Log in, refresh, check, log out, over HTTP."""

import re
import secrets

import httpx
import pytest

from service.stores.database import Database
from service.tokens import Token
from tests.client import MOBILE, Api, bearer, error
from tests.conftest import Clock, Start


async def test_login_answers_what_the_contract_says(api: Api) -> None:
    response = await api.post_login(MOBILE, await api.new_code())
    assert response.status_code == 200
    assert response.json()["message"] == "ok"
    data = response.json()["data"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", data["token"])
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", data["refresh_token"])
    assert data["token_type"] == "Bearer"
    assert 3600 * 0.95 - 1 <= data["expires_in"] <= 3600
    assert data["refresh_expires_in"] == 1_209_600
    assert data["is_new_user"] is True
    assert set(data) == {
        "token",
        "refresh_token",
        "token_type",
        "expires_in",
        "refresh_expires_in",
        "user_id",
        "session_id",
        "is_new_user",
    }


async def test_an_unknown_mobile_becomes_a_user_named_after_it(api: Api) -> None:
    tokens = await api.log_in()
    response = await api.who(tokens["token"])
    assert response.json()["data"] == {
        "id": tokens["user_id"],
        "name": MOBILE,
        "mobile": MOBILE,
        "created_at": "2026-01-01T00:00:00Z",
        "last_login": "2026-01-01T00:00:00Z",
    }


async def test_a_known_mobile_keeps_its_user_and_gets_a_new_last_login(api: Api, clock: Clock) -> None:
    first = await api.log_in()
    clock.wait(86_400)
    second = await api.log_in()
    user = (await api.who(second["token"])).json()["data"]
    assert second["user_id"] == first["user_id"]
    assert second["is_new_user"] is False
    assert (user["created_at"], user["last_login"]) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")


async def test_a_number_as_autofill_writes_it_is_the_same_number(api: Api) -> None:
    code = await api.new_code()
    response = await api.post_login("+86 138-0013-8000", code)
    assert response.status_code == 200


async def test_a_check_answers_whose_the_token_is_in_body_and_headers(api: Api) -> None:
    tokens = await api.log_in()
    response = await api.check(tokens["token"])
    assert response.status_code == 200
    data = response.json()["data"]
    assert (data["user_id"], data["session_id"]) == (tokens["user_id"], tokens["session_id"])
    assert data["expires_in"] == tokens["expires_in"]
    assert response.headers["x-user-id"] == str(tokens["user_id"])
    assert response.headers["x-session-id"] == tokens["session_id"]


async def test_an_access_token_dies_at_its_time(api: Api, clock: Clock) -> None:
    tokens = await api.log_in()
    clock.wait(tokens["expires_in"] - 1)
    assert await api.is_live(tokens["token"])
    clock.wait(2)
    assert error(await api.check(tokens["token"])) == (401, "invalid_token")


async def test_a_refresh_answers_fresh_tokens_and_the_old_access_token_lives_on(api: Api) -> None:
    tokens = await api.log_in()
    response = await api.refresh(tokens["refresh_token"])
    assert response.status_code == 200
    fresh = response.json()["data"]
    assert set(tokens) - set(fresh) == {"is_new_user"}
    assert fresh["token"] != tokens["token"]
    assert fresh["refresh_token"] != tokens["refresh_token"]
    assert await api.is_live(fresh["token"])
    assert await api.is_live(tokens["token"])


async def test_a_session_lives_refresh_ttl_after_its_last_refresh(api: Api, clock: Clock) -> None:
    tokens = await api.log_in()
    clock.wait(1_209_599)
    tokens = (await api.refresh(tokens["refresh_token"])).json()["data"]
    assert tokens["refresh_expires_in"] == 1_209_600
    clock.wait(1_209_601)
    assert error(await api.refresh(tokens["refresh_token"])) == (403, "invalid_refresh_token")


async def test_a_session_never_outlives_its_greatest_age(start: Start, clock: Clock) -> None:
    api = await start(refresh_ttl=1000, session_max_age=1500)
    tokens = await api.log_in()
    clock.wait(900)
    tokens = (await api.refresh(tokens["refresh_token"])).json()["data"]
    assert tokens["refresh_expires_in"] == 600
    assert tokens["expires_in"] <= 600
    clock.wait(601)
    assert error(await api.refresh(tokens["refresh_token"])) == (403, "invalid_refresh_token")
    assert error(await api.check(tokens["token"])) == (401, "invalid_token")


async def test_a_client_that_keeps_its_first_refresh_token_is_served_for_weeks(api: Api, clock: Clock) -> None:
    tokens = await api.log_in()
    for _ in range(30):
        clock.wait(86_400)
        response = await api.refresh(tokens["refresh_token"])
        assert response.status_code == 200
        assert await api.is_live(response.json()["data"]["token"])


async def test_a_client_that_stores_its_tokens_is_served_for_weeks(api: Api, clock: Clock) -> None:
    tokens = await api.log_in()
    for _ in range(30):
        clock.wait(86_400)
        tokens = (await api.refresh(tokens["refresh_token"])).json()["data"]
        assert await api.is_live(tokens["token"])


async def test_a_stolen_refresh_token_ends_the_session_for_both_and_is_told(
    api: Api, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = await api.log_in()
    mine = (await api.refresh(tokens["refresh_token"])).json()["data"]
    clock.wait(3600)
    mine = (await api.refresh(mine["refresh_token"])).json()["data"]
    clock.wait(60)
    stolen = await api.refresh(tokens["refresh_token"])
    assert error(stolen) == (403, "session_ended")
    assert stolen.json()["reason"] == "reused"
    answer = await api.check(mine["token"])
    assert error(answer) == (401, "session_ended")
    assert answer.json()["reason"] == "reused"
    assert error(await api.refresh(mine["refresh_token"])) == (403, "session_ended")
    [record] = [record for record in caplog.records if "reused" in record.message]
    assert record.levelname == "WARNING"


async def test_a_live_access_token_sent_as_a_refresh_token_is_refused_and_costs_nothing(api: Api) -> None:
    tokens = await api.log_in()
    assert error(await api.refresh(tokens["token"])) == (403, "invalid_refresh_token")
    assert await api.is_live(tokens["token"])


async def test_a_refresh_token_is_no_access_token(api: Api) -> None:
    tokens = await api.log_in()
    assert error(await api.check(tokens["refresh_token"])) == (401, "invalid_token")
    assert error(await api.who(tokens["refresh_token"])) == (401, "invalid_token")
    assert await api.is_live(tokens["token"])


@pytest.mark.parametrize("kind", ["token", "refresh_token"])
async def test_a_log_out_with_either_token_ends_both_at_once(api: Api, kind: str) -> None:
    tokens = await api.log_in()
    response = await api.log_out(tokens[kind])
    assert (response.status_code, response.content) == (204, b"")
    answer = await api.check(tokens["token"])
    assert error(answer) == (401, "session_ended")
    assert answer.json()["reason"] == "logged_out"
    assert error(await api.refresh(tokens["refresh_token"])) == (403, "session_ended")


async def test_a_log_out_leaves_the_users_other_devices_alone(api: Api) -> None:
    one, other = await api.log_in(), await api.log_in()
    await api.log_out(one["token"])
    assert not await api.is_live(one["token"])
    assert await api.is_live(other["token"])


async def test_a_log_out_with_a_dead_token_is_fine(api: Api) -> None:
    tokens = await api.log_in()
    await api.log_out(tokens["token"])
    for token in (tokens["token"], tokens["refresh_token"], "junk", "A" * 64):
        assert (await api.log_out(token)).status_code == 204


async def test_a_log_out_with_a_forged_token_for_a_live_session_ends_nothing(api: Api) -> None:
    mine = await api.log_in()
    forged = Token(mine["user_id"], mine["session_id"], secrets.token_bytes(32)).text
    assert (await api.log_out(forged)).status_code == 204
    assert await api.is_live(mine["token"])


async def test_a_log_out_without_a_token_is_401(api: Api) -> None:
    response = await api.request("DELETE", "/app/v1_0/authorizations")
    assert error(response) == (401, "invalid_token")


async def test_one_login_more_than_the_cap_ends_the_stalest_session(start: Start, clock: Clock) -> None:
    api = await start(max_sessions=2)
    one = await api.log_in()
    clock.wait(10)
    two = await api.log_in()
    clock.wait(10)
    await api.refresh(one["refresh_token"])
    await api.log_in()
    assert await api.is_live(one["token"])
    answer = await api.check(two["token"])
    assert error(answer) == (401, "session_ended")
    assert answer.json()["reason"] == "replaced"


async def test_a_missing_token_is_challenged_without_an_error_attribute(api: Api) -> None:
    response = await api.request("GET", "/app/v1_0/authorizations")
    assert error(response) == (401, "invalid_token")
    assert response.headers["www-authenticate"] == 'Bearer realm="latch"'


async def test_a_bad_token_is_challenged_with_the_error(api: Api) -> None:
    response = await api.check("junk")
    assert error(response) == (401, "invalid_token")
    assert response.headers["www-authenticate"].startswith('Bearer realm="latch", error="invalid_token"')


JUNK = ["junk", "A" * 63, "A" * 65, "A" * 64, "=" * 64, "A" * 63 + "é", "A" * 63 + "+", "0" * 64, "." * 5000]


async def test_a_junk_token_is_refused_by_every_route(api: Api) -> None:
    for junk in JUNK:
        headers = httpx.Headers([(b"authorization", f"Bearer {junk}".encode())])
        for method, path, expected in (
            ("GET", "/app/v1_0/authorizations", (401, "invalid_token")),
            ("GET", "/app/v1_0/user", (401, "invalid_token")),
            ("PUT", "/app/v1_0/authorizations", (403, "invalid_refresh_token")),
        ):
            assert error(await api.request(method, path, headers=headers)) == expected, junk


async def test_a_token_with_one_letter_changed_is_refused_and_costs_nothing(api: Api) -> None:
    tokens = await api.log_in()
    for place in (0, 10, 30, 63):
        letter = "A" if tokens["token"][place] != "A" else "B"
        damaged = tokens["token"][:place] + letter + tokens["token"][place + 1 :]
        assert error(await api.check(damaged)) == (401, "invalid_token")
        assert error(await api.refresh(damaged)) == (403, "invalid_refresh_token")
    assert await api.is_live(tokens["token"])


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer a b", "bearer\tx", ""])
async def test_an_authorization_header_of_another_form_counts_as_none(api: Api, header: str) -> None:
    response = await api.request("GET", "/app/v1_0/user", headers={"Authorization": header})
    assert error(response) == (401, "invalid_token")
    response = await api.request("PUT", "/app/v1_0/authorizations", headers={"Authorization": header})
    assert error(response) == (403, "invalid_refresh_token")


async def test_the_scheme_is_case_insensitive(api: Api) -> None:
    tokens = await api.log_in()
    headers = {"Authorization": f"BEARER {tokens['token']}"}
    assert (await api.request("GET", "/app/v1_0/user", headers=headers)).status_code == 200


async def test_a_refresh_with_a_body_ignores_it(api: Api) -> None:
    tokens = await api.log_in()
    response = await api.request(
        "PUT", "/app/v1_0/authorizations", headers=bearer(tokens["refresh_token"]), content=b"anything"
    )
    assert response.status_code == 200


async def test_a_disabled_user_cannot_log_in_and_the_code_is_not_spent(api: Api, database: Database) -> None:
    await api.log_in()
    await database.rows("UPDATE users SET status = 'disabled'", [])
    code = await api.new_code()
    for _ in range(8):  # more often than CODE_ATTEMPTS
        assert error(await api.post_login(MOBILE, code)) == (403, "user_disabled")
    await database.rows("UPDATE users SET status = 'active'", [])
    assert (await api.post_login(MOBILE, code)).status_code == 200


async def test_a_user_who_is_gone_or_disabled_is_not_told_who_they_are(api: Api, database: Database) -> None:
    tokens = await api.log_in()
    await database.rows("UPDATE users SET status = 'disabled'", [])
    assert error(await api.who(tokens["token"])) == (401, "invalid_token")
    await database.rows("DELETE FROM users", [])
    assert error(await api.who(tokens["token"])) == (401, "invalid_token")
