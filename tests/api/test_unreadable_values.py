"""What cannot be read in Redis counts as not there: no request fails for it, and no number is locked out by it."""

from typing import Any

import pytest

from tests.client import BASE, MOBILE, Api, bearer
from tests.conftest import LIMITS, NAMES, Clock, Start

pytestmark = pytest.mark.slow

# Lua's tonumber takes most of these for numbers, and HINCRBY none of them.
NO_NUMBERS = ["abc", "", "nan", "inf", "-inf", "1e308", "1e3", "0x7fffffff", "-1", "1.5", "007", "9" * 16, "9" * 400]
NO_MOMENTS = ["abc", "", "nan", "inf", "-inf", "1e308", "1e400", "0x7fffffffffff", "9" * 30, "99999999999.0"]
MOBILES = [f"1390000{n:04}" for n in range(len(NO_NUMBERS))]  # one for each


async def log_in_again(api: Api, clock: Clock, mobile: str) -> None:
    """Ask for a code after any cool-down, and log in with it."""
    clock.wait(3700)
    tokens = await api.log_in(mobile)
    await api.app.ctx.codes.settle()
    assert await api.is_live(tokens["token"])


@pytest.mark.parametrize("field", ["attempts", "born", "held_until"])
async def test_a_code_with_an_unreadable_number_is_replaced_by_one_that_works(api: Api, redis: Any, field: str) -> None:
    for value, mobile in zip(NO_NUMBERS, MOBILES, strict=True):
        await api.new_code(mobile)
        await redis.hset(f"code:{{{NAMES.of(mobile)}}}", mapping={field: value, "holder": "somebody"})
        await api.log_in(mobile)


async def test_a_code_that_is_lent_for_ever_is_lent_to_nobody(api: Api, redis: Any) -> None:
    code = await api.new_code()
    await redis.hset(f"code:{{{NAMES.of(MOBILE)}}}", mapping={"held_until": "9" * 15, "holder": "somebody"})
    assert (await api.post_login(MOBILE, code)).status_code == 200


@pytest.mark.parametrize("field", ["nonce", "digest"])
async def test_a_code_whose_text_is_not_ours_is_replaced_by_one_that_works(api: Api, redis: Any, field: str) -> None:
    for value, mobile in zip([b"\xff", "é".encode() * 32, b"", b"a" * 10_000], MOBILES, strict=False):
        await api.new_code(mobile)
        await redis.hset(f"code:{{{NAMES.of(mobile)}}}", field, value)
        assert (await api.post_login(mobile, "000000")).status_code == 400
        await api.log_in(mobile)


@pytest.mark.parametrize("field", ["count", "last", "before", "held_until"])
async def test_a_cool_down_with_an_unreadable_number_holds_up_no_code(
    start: Start, redis: Any, clock: Clock, field: str
) -> None:
    api = await start(limit_code_cooldown="60")
    phone: Any = api.phone
    for value, mobile in zip(NO_NUMBERS, MOBILES, strict=True):
        await api.new_code(mobile)

        async def spoil(value: str = value, mobile: str = mobile) -> None:
            await redis.hset(f"cooldown:{{{NAMES.of(mobile)}}}", field, value)

        clock.wait(61)
        phone.before = spoil  # while the message is on its way
        assert (await api.send_code(mobile)).status_code == 200
        await log_in_again(api, clock, mobile)


@pytest.mark.parametrize("kind", ["sent", "used"])
async def test_an_unreadable_count_of_codes_stops_no_message_and_no_login(
    start: Start, redis: Any, clock: Clock, kind: str
) -> None:
    api = await start(sms_conversion_min_sent=100)
    minute = int(clock.now // 60)
    for value in NO_NUMBERS:
        for prefix in ("all", MOBILE[:7]):
            counts = {f"{kind}:{when}": value for when in (minute, minute + 1, "x", "", "007", "9" * 30)}
            await redis.hset(f"conversion:{{{prefix}}}", mapping=counts)
        assert (await api.send_code()).status_code == 200
        await log_in_again(api, clock, MOBILE)
        minute = int(clock.now // 60)


async def test_an_unreadable_moment_locks_nobody_out(start: Start, redis: Any, clock: Clock) -> None:
    api = await start(**LIMITS)
    for value in NO_MOMENTS:
        await api.log_in()
        assert (await api.post_login(MOBILE, await api.new_code("13900139000"))).status_code == 400
        assert (await api.post_login("13900139000", "000000")).status_code == 400
        keys = await redis.keys("limit:*")
        assert len(keys) >= 8
        for key in keys:
            await redis.delete(key)
            await redis.rpush(key, *[value] * 1_000)
        await log_in_again(api, clock, MOBILE)
        await redis.flushall()


async def test_one_session_with_an_unreadable_time_leaves_the_list_of_the_others(api: Api, redis: Any) -> None:
    mine = await api.log_in()
    for value in (b"1e308", b'"soon"', b"-5", b"9" * 30):
        spoilt = await api.log_in()
        key = f"session:{{{mine['user_id']}}}:{spoilt['session_id']}"
        record = (await redis.get(key)).replace(b'"created_at":', b'"created_at":%b,"was":' % value)
        await redis.set(key, record, keepttl=True)
        response = await api.request("GET", f"{BASE}/sessions", headers=bearer(mine["token"]))
        assert [session["id"] for session in response.json()["data"]["sessions"]] == [mine["session_id"]]
        assert not await api.is_live(spoilt["token"])
