"""SMS pumping: prefixes that get no codes, the conversion guard, and the fixed codes that are never sent."""

import pytest

from tests.api.test_codes import other_than
from tests.api.test_limits import number, wait_of
from tests.client import MOBILE, Api, error
from tests.conftest import LIMITS, Clock, Outbox, Start

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


async def test_the_guard_can_be_switched_off_and_then_keeps_nothing(start: Start) -> None:
    api = await start(sms_min_conversion=0, sms_conversion_min_sent=1)
    for n in range(5):
        assert (await api.send_code(number(n, WALKED))).status_code == 200
    assert await api.app.ctx.codes._store._connection.redis.keys("conversion:*") == []


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


async def test_a_test_code_needs_asking_is_good_once_and_opens_no_other_number(start: Start) -> None:
    api = await start(test_codes=f"{MOBILE}=246810")
    assert error(await api.post_login(MOBILE, "246810")) == (400, "invalid_code")
    await api.send_code()
    await api.new_code("13900139000")
    assert error(await api.post_login("13900139000", "246810")) == (400, "invalid_code")
    assert (await api.post_login(MOBILE, "246810")).status_code == 200
    assert error(await api.post_login(MOBILE, "246810")) == (400, "invalid_code")


async def test_limits_on_tries_hold_for_a_test_number(start: Start) -> None:
    api = await start(test_codes=f"{MOBILE}=246810", limit_tries_per_number="3/day", code_attempts=2)
    await api.send_code()
    for _ in range(2):
        assert error(await api.post_login(MOBILE, "000000")) == (400, "invalid_code")
    assert error(await api.post_login(MOBILE, "246810")) == (400, "invalid_code")
    assert wait_of(await api.send_code()) > 0
    await api.app.ctx.codes._store.forget(MOBILE)
    await api.send_code()
    assert error(await api.post_login(MOBILE, "000000")) == (400, "invalid_code")
    assert wait_of(await api.post_login(MOBILE, "246810")) > 0


async def test_a_number_that_is_listed_while_a_code_is_good_takes_the_fixed_one(start: Start, outbox: Outbox) -> None:
    before = await start()
    await before.send_code()
    after = await start(test_codes=f"{MOBILE}=246810")
    await after.send_code()
    assert (await after.post_login(MOBILE, "246810")).status_code == 200
