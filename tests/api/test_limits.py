"""The limits of section 5 of the contract, over HTTP, with a clock moved by hand."""

import asyncio
from typing import Any

import httpx
import pytest

from service.commands import sessions
from service.conversion import ConversionGuard
from service.errors import ServiceUnavailable
from service.stores import conversions
from service.stores.codes import CodeStore
from service.stores.limits import LimitStore
from service.stores.redis.scripts import Script
from tests.api.test_codes import other_than
from tests.client import MOBILE, Api, error
from tests.conftest import LIMITS, NAMES, Clock, Outbox, Start

ONLY_COOLDOWN = {"limit_code_cooldown": "60,60,120,300"}
HOUR = 3600
NO_ROOM = Script("count_conversion", repeatable=False, source="error('-OOM there is no room')")


def number(n: int, prefix: str = "1380013") -> str:
    return f"{prefix}{n:04}"


def wait_of(response: httpx.Response) -> int:
    """The seconds of a 429, which stand in its header and in its body."""
    assert error(response) == (429, "too_many_requests")
    assert response.headers["retry-after"] == str(response.json()["retry_after"])
    return int(response.json()["retry_after"])


async def spent(redis: Any) -> dict[str, Any]:
    """What Redis holds of limits: how many moments in each list, and the state of each cool-down."""
    lists = {key.decode(): await redis.llen(key) for key in await redis.keys("limit:*")}
    cooldowns = {key.decode(): await redis.hmget(key, "count", "last") for key in await redis.keys("cooldown:*")}
    return {**lists, **cooldowns}


async def refused_to_the_second(api: Api, clock: Clock, mobile: str = MOBILE) -> int:
    """Assert that a code is refused until the moment that the answer names, and not for a second longer."""
    wait = wait_of(await api.send_code(mobile))
    clock.wait(wait - 1)
    assert wait_of(await api.send_code(mobile)) == 1
    clock.wait(1)
    response = await api.send_code(mobile)
    assert response.status_code == 200, response.text
    return wait


async def test_the_cool_down_grows_repeats_its_last_step_and_is_forgotten_after_an_hours_rest(
    start: Start, clock: Clock
) -> None:
    api = await start(**ONLY_COOLDOWN)
    answers = []
    for _ in range(6):
        answers.append((await api.send_code()).json()["data"]["resend_after"])
        assert wait_of(await api.send_code()) == answers[-1]
        clock.wait(answers[-1] - 1)
        assert wait_of(await api.send_code()) == 1
        clock.wait(1)
    assert answers == [60, 60, 120, 300, 300, 300]
    clock.wait(HOUR)
    assert (await api.send_code()).json()["data"]["resend_after"] == 60


async def test_one_number_gets_five_codes_an_hour_and_ten_a_day(start: Start, clock: Clock, outbox: Outbox) -> None:
    api = await start(limit_codes_per_number="5/hour;10/day")
    for _ in range(5):
        assert (await api.send_code()).status_code == 200
        clock.wait(10)
    assert await refused_to_the_second(api, clock) == HOUR - 50 + 1
    while len(outbox.messages) < 10:
        clock.wait(HOUR)
        await api.send_code()
    assert await refused_to_the_second(api, clock) > 12 * HOUR
    assert (await api.send_code("13900139000")).status_code == 200


async def test_resend_after_tells_the_longer_of_cool_down_and_budget(start: Start, clock: Clock) -> None:
    api = await start(limit_code_cooldown="60", limit_codes_per_number="2/hour")
    assert (await api.send_code()).json()["data"]["resend_after"] == 60
    clock.wait(61)
    resend_after = (await api.send_code()).json()["data"]["resend_after"]
    assert resend_after == HOUR - 61 + 1
    clock.wait(resend_after)
    assert (await api.send_code()).status_code == 200


@pytest.mark.parametrize(
    ("setting", "within", "beyond"),
    [
        ("limit_codes_per_prefix", [number(n) for n in range(3)], number(3)),
        ("limit_codes_total", [number(n, f"13{n}0013") for n in range(3)], number(0, "1500000")),
        ("limit_codes_per_ip", [number(n, f"13{n}0013") for n in range(3)], number(0, "1500000")),
    ],
)
async def test_a_limit_over_many_numbers(
    start: Start, clock: Clock, setting: str, within: list[str], beyond: str
) -> None:
    api = await start(**{setting: "3/hour"})
    for mobile in within:
        assert (await api.send_code(mobile)).status_code == 200
    assert await refused_to_the_second(api, clock, beyond) == HOUR + 1


async def test_another_prefix_is_not_held_by_a_walked_one(start: Start) -> None:
    api = await start(limit_codes_per_prefix="1/hour")
    await api.send_code(number(1))
    wait_of(await api.send_code(number(2)))
    assert (await api.send_code(number(1, "1380014"))).status_code == 200


async def test_logins_from_one_address(start: Start, clock: Clock) -> None:
    api = await start(limit_logins_per_ip="3/minute", trusted_proxies=1)
    for _ in range(3):
        assert error(await api.post_login(MOBILE, "000000")) == (400, "invalid_code")
    assert wait_of(await api.post_login("13900139000", "000000")) == 61
    other = await api.post_login("13900139000", "000000", **{"X-Forwarded-For": "192.0.2.7"})
    assert error(other) == (400, "invalid_code")
    clock.wait(61)
    assert error(await api.post_login(MOBILE, "000000")) == (400, "invalid_code")


async def test_wrong_tries_live_across_codes_and_success_forgets_them(start: Start, redis: Any, clock: Clock) -> None:
    api = await start(limit_tries_per_number="4/day", code_attempts=2)
    for _ in range(2):
        await api.new_code()
        for _ in range(2):
            assert error(await api.post_login(MOBILE, other_than(api, MOBILE))) == (400, "invalid_code")
        clock.wait(301)
        await redis.delete(f"code:{{{NAMES.of(MOBILE)}}}")  # its key lives by the clock of Redis
    code = await api.new_code()
    assert wait_of(await api.post_login(MOBILE, code)) == 24 * HOUR - 602 + 1
    clock.wait(24 * HOUR)
    assert error(await api.post_login(MOBILE, other_than(api, MOBILE))) == (400, "invalid_code")
    assert (await api.post_login(MOBILE, await api.new_code())).status_code == 200
    assert not [key for key in await spent(redis) if "tries" in key]


async def test_after_a_hundred_wrong_tries_within_ninety_days_the_number_needs_support(
    start: Start, redis: Any, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    api = await start(limit_tries_per_number=LIMITS["limit_tries_per_number"], code_attempts=100)
    days = 0
    while "number_locked" not in caplog.text:
        await redis.delete(f"code:{{{NAMES.of(MOBILE)}}}")  # its key lives by the clock of Redis
        await api.send_code()
        for _ in range(20):
            assert error(await api.post_login(MOBILE, other_than(api, MOBILE))) == (400, "invalid_code")
        refused = await api.post_login(MOBILE, api.phone.code(MOBILE))
        days += 1
        if days < 5:
            assert (wait_of(refused), "support" in refused.json()["message"]) == (24 * HOUR + 1, False)
            clock.wait(24 * HOUR + 1)
    assert days == 5
    assert wait_of(refused) > 85 * 24 * HOUR
    assert refused.json()["message"] == "Too many wrong codes for this number. Please contact support."
    clock.wait(24 * HOUR + 1)  # those of a day would be back
    wait_of(await api.post_login(MOBILE, api.phone.code(MOBILE)))
    [locked] = [record for record in caplog.records if record.message == "number_locked"]
    assert (locked.levelname, vars(locked)["mobile"]) == ("WARNING", "138****8000")
    assert "latch_numbers_locked_total 1.0" in (await api.request("GET", "/metrics")).text
    async with sessions.opened(api.app.ctx.settings) as does:
        await does.unlock(MOBILE, as_json=False)
    assert (await api.log_in())["token"]


async def test_tries_at_no_code_lock_nobody_out(start: Start) -> None:
    """Otherwise anybody could lock a number out without as much as asking for a code."""
    api = await start(limit_tries_per_number="3/day")
    answers = await asyncio.gather(*(api.post_login(MOBILE, "000000") for _ in range(30)))
    assert {error(answer) for answer in answers} == {(400, "invalid_code")}
    assert (await api.post_login(MOBILE, await api.new_code())).status_code == 200


async def test_a_right_code_whose_login_fails_is_no_wrong_try(start: Start) -> None:
    api = await start(limit_tries_per_number="2/day")
    await api.log_in()
    user = await api.app.ctx.users.find(MOBILE)
    await api.app.ctx.users.disable(user)
    code = await api.new_code()
    for _ in range(4):
        assert error(await api.post_login(MOBILE, code)) == (403, "user_disabled")


async def test_of_many_wrong_tries_at_once_exactly_so_many_are_judged(start: Start) -> None:
    api = await start(limit_tries_per_number="7/day", code_attempts=100)
    code = await api.new_code()
    guesses = [f"{(int(code) + n + 1) % 10**6:06}" for n in range(60)]
    answers = await asyncio.gather(*(api.post_login(MOBILE, guess) for guess in guesses))
    assert sorted(error(answer)[0] for answer in answers) == [400] * 7 + [429] * 53


async def test_of_many_requests_for_one_number_at_once_one_is_sent(start: Start, outbox: Outbox) -> None:
    api = await start(**LIMITS)
    answers = await asyncio.gather(*(api.send_code() for _ in range(60)))
    assert sorted(answer.status_code for answer in answers) == [200] + [429] * 59
    assert len(outbox.messages) == 1


async def test_of_many_numbers_at_once_the_budget_is_sent_and_the_refused_spend_nothing(
    start: Start, redis: Any, outbox: Outbox
) -> None:
    api = await start(**{**LIMITS, "limit_codes_total": "10/hour", "limit_codes_per_ip": "50/hour"})
    answers = await asyncio.gather(*(api.send_code(number(n)) for n in range(60)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 50
    assert len(outbox.messages) == 10
    left = await spent(redis)
    assert left["limit:codes_total/all/10/1/hour"] == 10
    assert left["limit:codes_per_ip/127.0.0.1/50/1/hour"] == 10
    assert left["limit:codes_per_prefix/1380013/300/1/hour"] == 10
    assert len([key for key in left if key.startswith("cooldown")]) == 10


@pytest.mark.parametrize(
    "limit",
    [
        {"limit_code_cooldown": "60"},
        {"limit_codes_per_number": "1/hour"},
        {"limit_codes_per_ip": "1/hour"},
        {"limit_codes_per_prefix": "1/hour"},
        {"limit_codes_total": "1/hour"},
    ],
    ids=lambda limit: next(iter(limit)),
)
async def test_a_refused_code_costs_nothing_else(
    start: Start, redis: Any, outbox: Outbox, limit: dict[str, str]
) -> None:
    generous = {**dict.fromkeys(LIMITS, "100/hour"), "limit_code_cooldown": "off"}
    api = await start(**{**generous, **limit})
    await api.send_code()
    before = await spent(redis)
    wait_of(await api.send_code())
    assert await spent(redis) == before
    assert len(outbox.messages) == 1


async def test_a_refused_login_costs_nothing_else(start: Start, redis: Any) -> None:
    api = await start(limit_logins_per_ip="2/minute", limit_tries_per_number="1/day")
    await api.new_code()
    await api.post_login(MOBILE, other_than(api, MOBILE))
    before = await spent(redis)
    assert wait_of(await api.post_login(MOBILE, other_than(api, MOBILE))) == 24 * HOUR + 1
    assert await spent(redis) == before


async def test_a_login_spends_every_window_of_its_address_or_none(start: Start, redis: Any, clock: Clock) -> None:
    api = await start(limit_logins_per_ip="2/minute;3/hour")
    minute, hour = (f"limit:logins_per_ip/127.0.0.1/{span}" for span in ("2/1/minute", "3/1/hour"))
    for _ in range(2):
        assert error(await api.post_login(MOBILE, "000000")) == (400, "invalid_code")
    assert wait_of(await api.post_login(MOBILE, "000000")) == 61
    assert await spent(redis) == {minute: 2, hour: 2}
    clock.wait(61)
    assert error(await api.post_login(MOBILE, "000000")) == (400, "invalid_code")
    assert wait_of(await api.post_login(MOBILE, "000000")) == HOUR - 61 + 1
    assert (await spent(redis))[hour] == 3
    clock.wait(61)
    before = await spent(redis)
    wait_of(await api.post_login(MOBILE, "000000"))
    assert await spent(redis) == before


async def test_an_address_without_room_has_no_try_judged(start: Start, redis: Any) -> None:
    api = await start(limit_logins_per_ip="1/minute", limit_tries_per_number="9/day")
    code = await api.new_code()
    assert error(await api.post_login("13900139000", "000000")) == (400, "invalid_code")
    before = await spent(redis)
    for guess in (other_than(api, MOBILE), code):
        wait_of(await api.post_login(MOBILE, guess))
    assert await spent(redis) == before
    record = await redis.hgetall(f"code:{{{NAMES.of(MOBILE)}}}")
    assert record[b"attempts"] == b"0"
    assert b"holder" not in record


async def test_what_an_operator_left_in_the_place_of_an_addresss_limit_shuts_nobody_out(
    start: Start, redis: Any
) -> None:
    api = await start(limit_logins_per_ip="2/minute")
    key = "limit:logins_per_ip/127.0.0.1/2/1/minute"
    await redis.set(key, "x")
    assert (await api.post_login(MOBILE, await api.new_code())).status_code == 200
    assert await spent(redis) == {key: 1}


async def test_a_provider_that_refuses_costs_the_number_nothing_and_the_address_one(
    start: Start, redis: Any, outbox: Outbox
) -> None:
    api = await start(**LIMITS)
    outbox.refuses = True
    for _ in range(7):
        assert error(await api.send_code()) == (503, "sms_unavailable")
    assert await spent(redis) == {"limit:codes_per_ip/127.0.0.1/30/1/hour": 7}
    outbox.refuses = False
    assert (await api.send_code()).json()["data"]["resend_after"] == 60


async def test_a_number_that_its_provider_spares_costs_the_address_one_and_is_not_asked_again_at_once(
    start: Start, redis: Any, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    api = await start(**LIMITS)
    outbox.too_many = 1800
    assert wait_of(await api.send_code()) == 1800
    assert wait_of(await api.send_code()) == 60
    assert outbox.asked == 1
    left = await spent(redis)
    assert left.pop(f"cooldown:{{{NAMES.of(MOBILE)}}}")
    assert left == {"limit:codes_per_ip/127.0.0.1/30/1/hour": 1}
    hits = [vars(record)["reason"] for record in caplog.records if record.message == "limit_hit"]
    assert hits == ["provider", "code_cooldown"]


@pytest.mark.parametrize(("store", "broken"), [(LimitStore, "spend"), (CodeStore, "issue")])
async def test_a_redis_that_goes_in_the_middle_leaves_nothing_spent(
    start: Start, redis: Any, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, store: type, broken: str
) -> None:
    api = await start(**LIMITS)

    async def gone(*_: Any, **__: Any) -> None:
        raise ServiceUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(store, broken, gone)
        assert error(await api.send_code()) == (503, "service_unavailable")
    assert await spent(redis) == {}
    assert (await api.send_code()).status_code == 200
    assert len(outbox.messages) == 1


async def test_a_redis_that_goes_while_a_try_is_judged_leaves_the_try_unspent(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = await start(limit_tries_per_number="1/day")
    code = await api.new_code()

    async def gone(*_: Any, **__: Any) -> None:
        raise ServiceUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(CodeStore, "verify", gone)
        assert error(await api.post_login(MOBILE, code)) == (503, "service_unavailable")
    assert (await api.post_login(MOBILE, code)).status_code == 200


async def test_what_is_counted_beside_the_message_or_the_login_cannot_undo_it(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    api = await start(**LIMITS)

    async def gone(*_: Any, **__: Any) -> None:
        raise ServiceUnavailable

    monkeypatch.setattr(ConversionGuard, "note_sent", gone)
    response = await api.send_code()
    assert response.json()["data"]["resend_after"] == 60
    monkeypatch.setattr(conversions, "COUNT", NO_ROOM)
    assert (await api.post_login(MOBILE, api.phone.code(MOBILE))).status_code == 200
    await api.app.ctx.codes.settle()
    assert "codes that were used could not be counted" in caplog.text


async def test_a_provider_that_may_have_sent_the_message_costs_the_number_its_budget_but_no_cool_down(
    start: Start, redis: Any, outbox: Outbox
) -> None:
    async def hang() -> None:
        await asyncio.sleep(30)

    outbox.before = hang
    api = await start(**LIMITS, sms_timeout=0.05)
    for _ in range(5):
        assert error(await api.send_code()) == (503, "sms_unavailable")
    assert wait_of(await api.send_code()) == HOUR + 1
    assert await spent(redis) == {
        "limit:codes_per_ip/127.0.0.1/30/1/hour": 5,
        f"limit:codes_per_number/{{{NAMES.of(MOBILE)}}}/5/1/hour": 5,
        f"limit:codes_per_number/{{{NAMES.of(MOBILE)}}}/10/1/day": 5,
        "limit:codes_per_prefix/1380013/300/1/hour": 5,
        "limit:codes_total/all/600/1/minute": 5,
        "limit:codes_total/all/50000/1/day": 5,
    }


async def test_a_code_ended_by_wrong_tries_costs_no_message(
    start: Start, redis: Any, outbox: Outbox, clock: Clock
) -> None:
    api = await start(**LIMITS)
    await api.new_code()
    for _ in range(5):
        await api.post_login(MOBILE, other_than(api, MOBILE))
    clock.wait(61)
    before = await spent(redis)
    assert 298 <= wait_of(await api.send_code()) <= 300
    assert await spent(redis) == before
    assert len(outbox.messages) == 1


async def test_with_redis_away_limits_refuse_with_503(start: Start, outbox: Outbox) -> None:
    api = await start(**LIMITS, redis_url="redis://127.0.0.1:1")
    assert error(await api.send_code()) == (503, "service_unavailable")
    assert error(await api.post_login(MOBILE, "000000")) == (503, "service_unavailable")
    assert outbox.messages == []


async def test_the_defaults_let_a_person_log_in_again_and_again(start: Start, clock: Clock) -> None:
    api = await start(**LIMITS)
    for _ in range(3):
        assert (await api.log_in())["token"]
        clock.wait(121)


async def test_an_operator_unlocks_a_number(start: Start, redis: Any, capsys: pytest.CaptureFixture[str]) -> None:
    api = await start(**{**LIMITS, "limit_tries_per_number": "1/day"})
    code = await api.new_code()
    await api.post_login(MOBILE, other_than(api, MOBILE))
    wait_of(await api.post_login(MOBILE, code))
    settings = api.app.ctx.settings
    async with sessions.opened(settings) as does:
        assert await does.unlock(MOBILE, as_json=False) == 0
    assert "138****8000" in capsys.readouterr().out
    assert [key for key in await spent(redis) if NAMES.of(MOBILE) in key] == []
    assert (await api.log_in())["token"]


# --- The client's address -------------------------------------------------------------------------------------------


async def code_from(api: Api, n: int, forwarded: str) -> int:
    return (await api.send_code(number(n), **{"X-Forwarded-For": forwarded})).status_code


async def test_without_proxies_a_forged_address_buys_nothing(start: Start) -> None:
    api = await start(limit_codes_per_ip="2/hour")
    assert [await code_from(api, n, f"192.0.2.{n}") for n in range(4)] == [200, 200, 429, 429]


async def test_behind_one_proxy_what_stands_further_left_buys_nothing(start: Start) -> None:
    api = await start(limit_codes_per_ip="2/hour", trusted_proxies=1)
    assert [await code_from(api, n, f"192.0.2.{n}, 198.51.100.1") for n in range(3)] == [200, 200, 429]
    assert await code_from(api, 3, "198.51.100.1, 192.0.2.9") == 200


async def test_behind_two_proxies_the_second_from_the_right_counts(start: Start) -> None:
    api = await start(limit_codes_per_ip="1/hour", trusted_proxies=2)
    assert await code_from(api, 1, "203.0.113.1, 192.0.2.1, 10.0.0.1") == 200
    assert await code_from(api, 2, "203.0.113.2, 192.0.2.1, 10.0.0.2") == 429
    assert await code_from(api, 3, "192.0.2.2, 10.0.0.1") == 200
    assert await code_from(api, 4, "192.0.2.3") == 200  # too few hops: the socket's address counts
    assert await code_from(api, 5, "192.0.2.4") == 429


async def test_an_ipv6_site_is_one_address_and_a_mapped_ipv4_address_is_ipv4(start: Start) -> None:
    api = await start(limit_codes_per_ip="1/hour", trusted_proxies=1)
    assert await code_from(api, 1, "2001:db8:0:1::1") == 200
    assert await code_from(api, 2, "2001:db8:0:1:9:9:9:9") == 429
    assert await code_from(api, 3, "2001:db8:0:2::1") == 200
    assert await code_from(api, 4, "192.0.2.1") == 200
    assert await code_from(api, 5, "::ffff:192.0.2.1") == 429
    assert await code_from(api, 6, "[::ffff:c000:201]:4711") == 429


# --- What is told ---------------------------------------------------------------------------------------------------


async def test_a_limit_that_was_hit_is_in_the_audit_trail_and_in_the_metrics(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    api = await start(limit_codes_per_number="1/hour")
    await api.send_code()
    await api.send_code()
    [record] = [record for record in caplog.records if record.message == "limit_hit"]
    assert (vars(record)["reason"], vars(record)["mobile"]) == ("codes_per_number", "138****8000")
    metrics = (await api.request("GET", "/metrics")).text
    assert 'latch_limit_hits_total{limit="codes_per_number"} 1.0' in metrics
