"""Ask for a code, and what becomes of it, over HTTP."""

import asyncio
import re
import time
from typing import Any

import pytest

from tests.client import BASE, MOBILE, Api, error
from tests.conftest import Clock, Outbox, Start


@pytest.mark.parametrize("written", [MOBILE, "+8613800138000", "138 0013 8000", "138-0013-8000", "+86 138-0013 8000"])
async def test_both_routes_send_a_code_to_the_normal_form_of_the_number(api: Api, outbox: Outbox, written: str) -> None:
    for response in (await api.request("GET", f"{BASE}/sms/codes/{written}"), await api.send_code(written)):
        assert response.status_code == 200
        assert response.json() == {"message": "ok", "data": {"mobile": MOBILE, "expires_in": 300, "resend_after": 0}}
    assert [message.mobile for message in outbox.messages] == [MOBILE, MOBILE]


async def test_a_code_is_so_many_digits_and_stands_in_the_text(start: Start, outbox: Outbox) -> None:
    api = await start(code_length=8)
    code = await api.new_code()
    assert re.fullmatch("[0-9]{8}", code)
    assert code in outbox.messages[-1].text
    assert (await api.post_login(MOBILE, code)).status_code == 200


async def test_a_code_is_good_once(api: Api) -> None:
    code = await api.new_code()
    assert (await api.post_login(MOBILE, code)).status_code == 200
    assert error(await api.post_login(MOBILE, code)) == (400, "invalid_code")


async def test_wrong_spent_and_never_sent_are_one_and_the_same_answer(api: Api) -> None:
    spent = await api.new_code()
    await api.post_login(MOBILE, spent)
    await api.new_code("13900139000")
    answers = [
        (await api.post_login(MOBILE, spent)).json(),
        (await api.post_login("13900139000", other_than(api, "13900139000"))).json(),
        (await api.post_login("13700137000", "123456")).json(),
    ]
    for answer in answers:
        del answer["request_id"]
    assert answers[0] == answers[1] == answers[2]


def other_than(api: Api, mobile: str) -> str:
    """A wrong code for this number."""
    return f"{(int(api.phone.code(mobile)) + 1) % 10**6:06}"


async def test_the_code_of_one_number_does_not_open_another(api: Api) -> None:
    code = await api.new_code()
    await api.new_code("13900139000")
    assert error(await api.post_login("13900139000", code)) == (400, "invalid_code")


async def test_wrong_tries_end_a_code(api: Api) -> None:
    code = await api.new_code()
    for _ in range(5):
        assert error(await api.post_login(MOBILE, other_than(api, MOBILE))) == (400, "invalid_code")
    assert error(await api.post_login(MOBILE, code)) == (400, "invalid_code")


async def test_a_resend_sends_the_same_code_and_keeps_the_count_of_tries(api: Api) -> None:
    code = await api.new_code()
    for _ in range(3):
        await api.post_login(MOBILE, other_than(api, MOBILE))
    assert await api.new_code() == code
    for _ in range(2):
        await api.post_login(MOBILE, other_than(api, MOBILE))
    assert error(await api.post_login(MOBILE, code)) == (400, "invalid_code")


async def test_a_code_ended_by_wrong_tries_is_not_sent_again_and_says_how_long_to_wait(
    api: Api, outbox: Outbox
) -> None:
    start = time.monotonic()
    await api.new_code()
    for _ in range(5):
        await api.post_login(MOBILE, other_than(api, MOBILE))
    response = await api.send_code()
    assert error(response) == (429, "too_many_requests")
    assert 299 - (time.monotonic() - start) <= response.json()["retry_after"] <= 300
    assert response.headers["retry-after"] == str(response.json()["retry_after"])
    assert len(outbox.messages) == 1


async def test_a_code_dies_at_its_time(start: Start, loop: asyncio.AbstractEventLoop) -> None:
    api = await start(code_ttl=1)
    code = await api.new_code()
    await asyncio.sleep(1.05)  # the life of a Redis key, which no clock of ours moves
    assert error(await api.post_login(MOBILE, code)) == (400, "invalid_code")


async def test_a_resend_makes_the_code_good_for_its_whole_life_but_never_past_ten_minutes(
    api: Api, clock: Clock
) -> None:
    code = await api.new_code()
    clock.wait(240)
    start = time.monotonic()
    assert (await api.send_code()).json()["data"]["expires_in"] == 300
    clock.wait(300)
    sent = await api.send_code()
    # The key has hardly aged: Redis has a clock of its own.
    assert 299 - (time.monotonic() - start) <= sent.json()["data"]["expires_in"] <= 300
    assert api.phone.code(MOBILE) == code


async def test_a_refusing_provider_is_503_and_the_next_try_sends_the_code(api: Api, outbox: Outbox) -> None:
    outbox.refuses = True
    assert error(await api.send_code()) == (503, "sms_unavailable")
    outbox.refuses = False
    assert (await api.post_login(MOBILE, await api.new_code())).status_code == 200


async def test_a_hanging_provider_is_given_up(start: Start, outbox: Outbox) -> None:
    async def hang() -> None:
        await asyncio.sleep(30)

    outbox.before = hang
    api = await start(sms_timeout=0.1)
    assert error(await api.send_code()) == (503, "sms_unavailable")


async def test_of_a_hundred_wrong_guesses_at_once_exactly_so_many_are_judged(api: Api, redis: Any) -> None:
    code = await api.new_code()
    guesses = [f"{(int(code) + n + 1) % 10**6:06}" for n in range(100)]
    answers = await asyncio.gather(*(api.post_login(MOBILE, guess) for guess in guesses))
    assert {error(answer) for answer in answers} == {(400, "invalid_code")}
    [key] = await redis.keys("code:*")
    attempts = await redis.hget(key, "attempts")
    assert int(attempts) == 5
    assert error(await api.post_login(MOBILE, code)) == (400, "invalid_code")


async def test_of_fifty_logins_at_once_with_the_right_code_one_succeeds(api: Api) -> None:
    code = await api.new_code()
    answers = await asyncio.gather(*(api.post_login(MOBILE, code) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49
    [winner] = [answer.json()["data"] for answer in answers if answer.status_code == 200]
    assert winner["is_new_user"] is True
    assert await api.is_live(winner["token"])
