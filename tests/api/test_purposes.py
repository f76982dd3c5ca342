"""Codes for more than logging in: each is good for its purpose alone, and goes to whom it should."""

from typing import Any

import pytest

from service.commands import sessions
from service.entities import Purpose
from tests.client import BASE, MOBILE, Api, bearer, error
from tests.conftest import LIMITS, Clock, Outbox, Start

OTHER = "13900139000"


async def test_each_purpose_has_a_code_of_its_own_that_a_resend_keeps(api: Api, outbox: Outbox) -> None:
    token = (await api.log_in())["token"]
    codes = {purpose: await api.code_for(purpose, MOBILE, token) for purpose in Purpose}
    assert len(set(codes.values())) == 3  # two alike are one chance in 300,000
    for purpose, code in codes.items():
        assert await api.code_for(purpose, MOBILE, token) == code
    assert {message.purpose for message in outbox.messages} == set(Purpose)


async def test_the_text_names_the_purpose(start: Start, outbox: Outbox) -> None:
    api = await start(sms_text="in {code}", sms_text_change="move {code}", sms_text_erase="gone {code}")
    token = (await api.log_in())["token"]
    for purpose, word in (("change", "move"), ("erase", "gone"), ("login", "in")):
        code = await api.code_for(purpose, MOBILE, token)
        assert outbox.messages[-1].text == f"{word} {code}"


@pytest.mark.parametrize("purpose", ["change", "erase"])
async def test_no_other_code_logs_anybody_in(api: Api, purpose: str) -> None:
    token = (await api.log_in())["token"]
    code = await api.code_for(purpose, MOBILE, token)
    assert error(await api.post_login(MOBILE, code)) == (400, "invalid_code")
    login = await api.new_code()
    assert error(await api.post_login(MOBILE, code)) == (400, "invalid_code")
    assert (await api.post_login(MOBILE, login)).status_code == 200


@pytest.mark.parametrize("purpose", ["change", "erase"])
async def test_all_but_a_login_needs_the_access_token(api: Api, outbox: Outbox, purpose: str) -> None:
    tokens = await api.log_in()
    sent = len(outbox.messages)
    for headers in ({}, bearer("x" * 64), bearer(tokens["refresh_token"])):
        answer = await api.send_code(MOBILE, purpose=purpose, **headers)
        assert error(answer) == (401, "invalid_token")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    await api.log_out(tokens["token"])
    answer = await api.send_code(MOBILE, purpose=purpose, **bearer(tokens["token"]))
    assert error(answer) == (401, "session_ended")
    assert len(outbox.messages) == sent


async def test_a_code_that_erases_goes_to_ones_own_number_alone(api: Api, outbox: Outbox) -> None:
    token = (await api.log_in())["token"]
    answer = await api.send_code(OTHER, purpose="erase", **bearer(token))
    assert error(answer) == (400, "invalid_request")
    assert set(answer.json()["fields"]) == {"mobile"}
    assert {message.mobile for message in outbox.messages} == {MOBILE}


@pytest.mark.parametrize("purpose", ["", "LOGIN", "log in", None, 1, True, ["login"], {}])
async def test_what_is_no_purpose_is_named(api: Api, purpose: Any) -> None:
    answer = await api.request("POST", f"{BASE}/sms/codes", json={"mobile": "no", "purpose": purpose})
    assert error(answer) == (400, "invalid_request")
    assert set(answer.json()["fields"]) == {"mobile", "purpose"}


async def test_get_sends_login_codes_alone(api: Api, outbox: Outbox) -> None:
    token = (await api.log_in())["token"]
    answer = await api.request("GET", f"{BASE}/sms/codes/{OTHER}?purpose=erase", headers=bearer(token))
    assert answer.status_code == 200
    assert outbox.messages[-1].purpose is Purpose.LOGIN


async def test_cool_downs_and_wrong_tries_count_over_all_purposes(start: Start, clock: Clock, redis: Any) -> None:
    api = await start(**{**LIMITS, "limit_codes_per_ip": "off", "limit_tries_per_number": "4/day"})
    token = (await api.log_in())["token"]
    assert error(await api.send_code(MOBILE, purpose="erase", **bearer(token))) == (429, "too_many_requests")
    clock.wait(60)
    erasing = await api.code_for("erase", MOBILE, token)
    assert error(await api.send_code(MOBILE)) == (429, "too_many_requests")
    clock.wait(120)
    login = await api.new_code()
    wrong = next(code for code in ("000000", "000001", "000002") if code not in {erasing, login})
    for _ in range(4):
        assert error(await api.post_login(MOBILE, wrong)) == (400, "invalid_code")
    assert error(await api.post_login(MOBILE, login)) == (429, "too_many_requests")


async def test_a_number_of_test_codes_gets_a_code_that_erases_and_none_that_changes(
    start: Start, outbox: Outbox
) -> None:
    api = await start(test_codes=f"{MOBILE}=246810")
    reviewer = (await api.post_login(MOBILE, "246810")).json()["data"]["token"]
    assert (await api.send_code(MOBILE, purpose="erase", **bearer(reviewer))).status_code == 200
    person = (await api.log_in(OTHER))["token"]
    sent = len(outbox.messages)
    for token, mobile in ((reviewer, MOBILE), (reviewer, OTHER), (person, MOBILE)):
        answer = await api.send_code(mobile, purpose="change", **bearer(token))
        assert error(answer) == (400, "invalid_request")
        assert set(answer.json()["fields"]) == {"mobile"}
    assert len(outbox.messages) == sent


async def test_an_operator_who_unlocks_a_number_makes_it_forget_the_codes_of_all_purposes(
    api: Api, redis: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    token = (await api.log_in())["token"]
    for purpose in Purpose:
        await api.code_for(purpose, MOBILE, token)
    assert len(await redis.keys("code:*")) == 3
    async with sessions.opened(api.app.ctx.settings) as does:
        assert await does.unlock(MOBILE, as_json=False) == 0
    assert await redis.keys("code:*") == []
    assert "138****8000" in capsys.readouterr().out


ALIYUN = {
    "sms_sender": "aliyun",
    "aliyun_access_key_id": "LTAI5t",
    "aliyun_access_key_secret": "hush",
    "aliyun_sign_name": "sign",
    "aliyun_template_code": "SMS_1",
}


async def test_a_purpose_that_no_sender_has_a_template_for_is_refused(start: Start) -> None:
    api = await start(**ALIYUN, aliyun_template_code_change="SMS_2")
    token = (await api.log_in())["token"]
    assert await api.code_for("change", OTHER, token)
    answer = await api.send_code(MOBILE, purpose="erase", **bearer(token))
    assert error(answer) == (400, "invalid_request")
    assert set(answer.json()["fields"]) == {"purpose"}
