"""SMS pumping: prefixes that get no codes, the conversion guard, and the fixed codes that are never sent."""

import asyncio
from typing import Any

import pytest

from tests.api.test_codes import other_than
from tests.api.test_limits import number, spent, wait_of
from tests.client import MOBILE, Api, error
from tests.conftest import LIMITS, Clock, Outbox, Start

pytestmark = pytest.mark.slow

WALKED, SPARED = "1700000", "1500000"


async def test_only_allowed_prefixes_get_codes_and_blocked_ones_do_not(start: Start, outbox: Outbox) -> None:
    api = await start(**LIMITS, sms_allow_prefixes="138,139", sms_block_prefixes="1390013,170")
    assert (await api.send_code("13800138000")).status_code == 200
    for mobile in ("13900139000", "17000000000", "15000000000"):
        response = await api.send_code(mobile)
        assert error(response) == (400, "invalid_request")
        assert "mobile" in response.json()["fields"]
    assert [message.mobile for message in outbox.messages] == ["13800138000"]


async def test_what_is_no_mobile_number_never_reaches_a_sender(start: Start, outbox: Outbox) -> None:
    api = await start(**LIMITS)
    for written in (
        "12800138000",
        "10086",
        "+8612345678901",
        "+85291234567",
        "+4915112345678",
        "95588",
        "0013800138000",
    ):
        assert error(await api.send_code(written)) == (400, "invalid_request"), written
    assert outbox.messages == []


async def use(api: Api, mobile: str) -> None:
    assert (await api.post_login(mobile, await api.new_code(mobile))).status_code == 200
    await api.app.ctx.codes.settle()


async def test_a_prefix_whose_codes_are_not_used_gets_no_more_until_the_hour_has_passed(
    start: Start, clock: Clock, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    api = await start(sms_min_conversion=0.5, sms_conversion_min_sent=4)
    for n in range(10):
        await use(api, number(n, SPARED))
    await use(api, number(0, WALKED))
    for n in range(1, 4):
        assert (await api.send_code(number(n, WALKED))).status_code == 200
    assert wait_of(await api.send_code(number(4, WALKED))) == 60
    assert (await api.send_code(number(11, SPARED))).status_code == 200
    [told] = [record for record in caplog.records if record.levelname == "WARNING" and WALKED in record.message]
    assert "of 4 sent within an hour 1 were used" in told.message
    sent = len(outbox.messages)
    clock.wait(59 * 60)
    wait_of(await api.send_code(number(4, WALKED)))
    clock.wait(60)
    assert (await api.send_code(number(4, WALKED))).status_code == 200
    assert len(outbox.messages) == sent + 1


async def test_codes_that_are_used_after_all_open_the_prefix_again(start: Start, outbox: Outbox) -> None:
    api = await start(sms_min_conversion=0.5, sms_conversion_min_sent=4)
    mobiles = [number(n, WALKED) for n in range(4)]
    for mobile in mobiles:
        await api.new_code(mobile)
    wait_of(await api.send_code(number(9, WALKED)))
    for mobile in mobiles[:2]:
        assert (await api.post_login(mobile, outbox.code(mobile))).status_code == 200
    await api.app.ctx.codes.settle()
    assert (await api.send_code(number(9, WALKED))).status_code == 200


async def test_when_codes_as_a_whole_are_not_used_only_prefixes_whose_own_are_used_go_on(start: Start) -> None:
    api = await start(sms_min_conversion=0.5, sms_conversion_min_sent=10)
    await use(api, number(1, SPARED))
    for n in range(9):
        assert (await api.send_code(number(1, f"17{n}0000"))).status_code == 200
    wait_of(await api.send_code(number(1, "1330000")))
    wait_of(await api.send_code(number(2, "1700000")))
    assert (await api.send_code(number(2, SPARED))).status_code == 200


async def test_whoever_has_logged_in_before_gets_a_code_though_the_guard_is_closed(start: Start) -> None:
    api = await start(sms_min_conversion=0.9, sms_conversion_min_sent=3)
    await use(api, number(1, WALKED))
    for n in range(2, 4):
        await api.send_code(number(n, WALKED))
    wait_of(await api.send_code(number(4, WALKED)))
    wait_of(await api.send_code(number(4, SPARED)))
    assert (await api.send_code(number(1, WALKED))).status_code == 200


KNOWN = number(1, WALKED)
PER_ADDRESS = 5


async def closed_guard(start: Start, **overrides: Any) -> Api:
    """The guard is closed, KNOWN has an account, and an address may ask PER_ADDRESS times."""
    settings = {"sms_min_conversion": 0.9, "sms_conversion_min_sent": 3, "limit_codes_per_ip": f"{PER_ADDRESS}/hour"}
    api = await start(**{**settings, "trusted_proxies": 1, **overrides})
    await use(api, KNOWN)
    for n in range(2, 4):
        assert (await api.send_code(number(n, WALKED))).status_code == 200
    return api


def from_(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def test_asking_who_has_an_account_is_bounded_per_address(start: Start, outbox: Outbox) -> None:
    api = await closed_guard(start)
    asker = from_("192.0.2.1")
    waits = [wait_of(await api.send_code(number(n, WALKED), **asker)) for n in range(10, 10 + PER_ADDRESS)]
    assert waits == [60] * PER_ADDRESS
    sent = len(outbox.messages)
    unknown, known = await api.send_code(number(20, WALKED), **asker), await api.send_code(KNOWN, **asker)
    assert wait_of(unknown) == wait_of(known) == 3601
    same = ("message", "error", "retry_after")
    assert [unknown.json()[name] for name in same] == [known.json()[name] for name in same]
    assert len(outbox.messages) == sent
    assert (await api.send_code(KNOWN, **from_("192.0.2.2"))).status_code == 200


async def test_of_many_questions_at_once_an_address_gets_no_more_answers_than_its_budget(start: Start) -> None:
    api = await closed_guard(start)
    asked = [number(n, WALKED) for n in range(10, 40)]
    answers = await asyncio.gather(*(api.send_code(mobile, **from_("192.0.2.1")) for mobile in asked))
    assert sorted(map(wait_of, answers)) == [60] * PER_ADDRESS + [3601] * (30 - PER_ADDRESS)


async def test_the_guards_refusal_costs_the_address_one_and_nothing_else(start: Start, redis: Any) -> None:
    api = await closed_guard(start, limit_codes_total="100/hour", limit_code_cooldown="60")
    before = await spent(redis)
    wait_of(await api.send_code(number(10, WALKED), **from_("192.0.2.1")))
    address = f"limit:codes_per_ip/192.0.2.1/{PER_ADDRESS}/1/hour"
    assert await spent(redis) == {**before, address: 1}


async def test_a_wrong_code_and_a_message_that_was_not_sent_do_not_count(start: Start, outbox: Outbox) -> None:
    api = await start(sms_min_conversion=0.5, sms_conversion_min_sent=2)
    outbox.refuses = True
    for n in range(5):
        await api.send_code(number(n, WALKED))
    outbox.refuses = False
    await api.new_code(number(1, WALKED))
    await api.post_login(number(1, WALKED), other_than(api, number(1, WALKED)))
    assert (await api.send_code(number(2, WALKED))).status_code == 200
    wait_of(await api.send_code(number(3, WALKED)))


async def test_the_guard_can_be_switched_off_and_then_keeps_nothing(start: Start, redis: Any) -> None:
    api = await start(sms_min_conversion=0, sms_conversion_min_sent=1)
    for n in range(5):
        assert (await api.send_code(number(n, WALKED))).status_code == 200
    assert await redis.keys("conversion:*") == []


# --- Fixed codes for app-store review -------------------------------------------------------------------------------


async def test_a_test_number_logs_in_with_its_fixed_code_and_nothing_is_sent(start: Start, outbox: Outbox) -> None:
    api = await start(**LIMITS, test_codes=f"{MOBILE}=246810,13900139000=135791")
    for _ in range(3):
        sent = (await api.send_code()).json()["data"]
        assert (sent["mobile"], sent["resend_after"]) == (MOBILE, 0)
        assert (await api.post_login(MOBILE, "246810")).status_code == 200
    await api.send_code("13900139000")
    assert error(await api.post_login("13900139000", "246810")) == (400, "invalid_code")
    assert outbox.messages == []


async def test_a_test_code_is_good_at_any_time_and_opens_no_other_number(start: Start, clock: Clock) -> None:
    api = await start(test_codes=f"{MOBILE}=246810")
    assert (await api.post_login(MOBILE, "246810")).status_code == 200  # nobody has asked for it
    clock.wait(24 * 3600)
    assert (await api.post_login(MOBILE, "246810")).status_code == 200
    await api.new_code("13900139000")
    assert error(await api.post_login("13900139000", "246810")) == (400, "invalid_code")


async def test_reviewers_log_in_to_a_test_number_on_several_devices_at_once(start: Start) -> None:
    api = await start(test_codes=f"{MOBILE}=246810")
    answers = await asyncio.gather(*(api.post_login(MOBILE, "246810") for _ in range(8)))
    tokens = [answer.json()["data"] for answer in answers]
    assert len({each["session_id"] for each in tokens}) == 8
    assert len({each["user_id"] for each in tokens}) == 1
    assert all([await api.is_live(each["token"]) for each in tokens])


async def test_a_stranger_cannot_lock_a_test_number_nor_a_reviewer_a_stranger(start: Start, redis: Any) -> None:
    api = await start(
        test_codes=f"{MOBILE}=246810", limit_tries_per_number="3/day", limit_logins_per_ip="9/minute", trusted_proxies=1
    )
    stranger, reviewer = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2"}
    for _ in range(9):
        assert error(await api.post_login(MOBILE, "000000", **stranger)) == (400, "invalid_code")
    assert wait_of(await api.post_login(MOBILE, "000000", **stranger)) == 61
    assert (await api.post_login(MOBILE, "246810", **reviewer)).status_code == 200
    assert not [key for pattern in ("code:*", "limit:tries*") for key in await redis.keys(pattern)]


async def test_a_test_number_of_a_disabled_user_is_refused_and_good_again_later(start: Start) -> None:
    api = await start(test_codes=f"{MOBILE}=246810")
    await api.post_login(MOBILE, "246810")
    user = await api.app.ctx.users.find(MOBILE)
    await api.app.ctx.users.disable(user)
    assert error(await api.post_login(MOBILE, "246810")) == (403, "user_disabled")
    await api.app.ctx.users.enable(user)
    assert (await api.post_login(MOBILE, "246810")).status_code == 200


async def test_a_number_that_is_listed_while_a_code_is_good_takes_the_fixed_one(start: Start, outbox: Outbox) -> None:
    before = await start()
    await before.send_code()
    after = await start(test_codes=f"{MOBILE}={other_than(before, MOBILE)}")
    assert error(await after.post_login(MOBILE, outbox.code(MOBILE))) == (400, "invalid_code")
    assert (await after.post_login(MOBILE, other_than(before, MOBILE))).status_code == 200
