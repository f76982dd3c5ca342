"""LimitStore and its neighbours on every kind of Redis."""

import asyncio
from typing import Any

import pytest
from limits.aio.storage import RedisStorage
from limits.aio.storage.redis.bridge import RedisBridge

from service.conversion_rule import Conversion
from service.errors import ServiceUnavailable
from service.runtime.background import settled
from service.stores.budgets import ALL, PREFIX, Budget, Refusal, windows_of
from service.stores.conversions import ConversionStore
from service.stores.cooldowns import Cooldown, CooldownStore
from service.stores.limits import LimitStore
from service.stores.redis.connection import Connection
from service.stores.redis.scripts import Script
from tests.client import MOBILE
from tests.conftest import NAMES, Clock

HOLD = 20  # seconds
NAME = NAMES.of(MOBILE)
LIBRARYS = Script("of the library", repeatable=False, source=RedisBridge.SCRIPT_ACQUIRE_MOVING_WINDOW.decode())


def budget(text: str, name: str = "codes", who: str = MOBILE) -> Budget:
    return Budget(name, who, windows_of(name, text))


@pytest.fixture
def connection(connection_of_latch: Connection) -> Connection:
    return connection_of_latch


@pytest.fixture
def store(connection: Connection, clock: Clock) -> LimitStore:
    return LimitStore(connection, clock)


async def test_a_budget_is_spent_until_it_is_empty_and_knows_when_it_has_room(store: LimitStore, clock: Clock) -> None:
    for _ in range(3):
        assert await store.look([budget("3/hour")]) is None
        assert await store.spend([budget("3/hour")]) is None
        clock.wait(10)
    assert await store.look([budget("3/hour")]) == Refusal("codes", 3571)
    assert await store.spend([budget("3/hour")]) == Refusal("codes", 3571)
    clock.wait(3571)
    assert await store.spend([budget("3/hour")]) is None


@pytest.mark.parametrize(("text", "who"), [("3/hour", MOBILE), ("5/2 minutes", "2001:db8::/64"), ("1/day", "{138}")])
async def test_keys_and_moments_are_those_of_the_library(
    store: LimitStore, connection: Connection, redis: Any, clock: Clock, text: str, who: str
) -> None:
    clock.wait(0.1234567)
    [window] = windows_of("codes", text)
    library = RedisStorage("async+redis://", implementation="redispy", key_prefix=PREFIX)
    key = library.bridge.prefixed_key(window.item.key_for(who))
    assert window.key(who) == key
    assert await store.spend([budget(text, who=who)]) is None
    ours = await redis.lrange(key, 0, -1)
    await redis.delete(key)
    assert await connection.run(LIBRARYS, [key], [repr(clock()), window.amount, window.seconds, 1])
    assert await redis.lrange(key, 0, -1) == ours
    assert 0 < await redis.ttl(key) <= window.seconds


async def test_what_the_library_has_counted_counts(store: LimitStore, connection: Connection, clock: Clock) -> None:
    [window] = windows_of("codes", "3/hour")
    for _ in range(2):
        assert await connection.run(LIBRARYS, [window.key(MOBILE)], [repr(clock()), 3, 3600, 1])
    assert await store.spend([budget("3/hour")]) is None
    assert await store.spend([budget("3/hour")]) == Refusal("codes", 3601)
    assert not await connection.run(LIBRARYS, [window.key(MOBILE)], [repr(clock()), 3, 3600, 1])


@pytest.mark.parametrize("fraction", [0, 0.5, 0.123, 0.123456, 0.1234567, 0.9999998])
async def test_a_moment_counts_however_many_digits_it_has(store: LimitStore, clock: Clock, fraction: float) -> None:
    clock.wait(fraction)
    assert await store.spend([budget("1/hour")]) is None
    assert await store.look([budget("1/hour")]) == Refusal("codes", 3601)
    assert await store.spend([budget("1/hour")]) == Refusal("codes", 3601)


async def test_a_moment_far_ahead_of_our_clock_holds_nobody_up(store: LimitStore, redis: Any, clock: Clock) -> None:
    [key] = budget("1/hour").keys
    for ahead, refusal in ((3600, Refusal("codes", 7201)), (3601, None)):
        await redis.delete(key)
        await redis.lpush(key, clock() + ahead)
        assert await store.look([budget("1/hour")]) == refusal
        assert await store.spend([budget("1/hour")]) == refusal


async def test_of_several_windows_and_budgets_the_longest_wait_is_told(store: LimitStore) -> None:
    both = [budget("1/minute;2/day"), budget("1/hour", "of_all", "all")]
    assert await store.spend(both) is None
    assert await store.look(both) == Refusal("of_all", 3601)
    assert await store.look(both[:1]) == Refusal("codes", 61)


async def test_where_one_budget_is_empty_none_is_spent(store: LimitStore) -> None:
    small, large = budget("1/hour", "small"), budget("5/hour", "large")
    assert await store.spend([small, large]) is None
    assert await store.spend([large, small]) == Refusal("small", 3601)
    for _ in range(4):
        assert await store.spend([large]) is None
    assert await store.look([large]) == Refusal("large", 3601)


async def test_of_a_hundred_at_once_exactly_the_budget_is_spent_and_the_others_pay_nothing(store: LimitStore) -> None:
    small, large = budget("7/hour", "small"), budget("20/hour", "large")
    answers = await asyncio.gather(*(store.spend([large, small]) for _ in range(100)))
    assert answers.count(None) == 7
    left = 0
    while await store.spend([large]) is None:
        left += 1
    assert left == 20 - 7


async def test_what_is_given_back_can_be_spent_again_and_what_is_forgotten_too(store: LimitStore) -> None:
    for _ in range(2):
        await store.spend([budget("2/hour")])
    await store.refund([budget("2/hour")])
    assert await store.spend([budget("2/hour")]) is None
    assert await store.spend([budget("2/hour")]) is not None
    await settled(*store.forget([budget("2/hour")]))
    assert await store.look([budget("2/hour")]) is None


async def test_giving_back_what_was_never_spent_makes_no_room(store: LimitStore) -> None:
    await store.refund([budget("1/hour")])
    assert await store.spend([budget("1/hour")]) is None
    assert await store.spend([budget("1/hour")]) is not None


async def test_a_cool_down_is_started_once_looked_at_for_nothing_and_undone(
    connection: Connection, clock: Clock
) -> None:
    store = CooldownStore(connection, (60, 120), HOLD)
    assert await store.look(NAME, clock()) == Cooldown(0, 60)
    started = await asyncio.gather(*(store.start(NAME, clock()) for _ in range(20)))
    assert sorted(started, key=lambda cooldown: cooldown.wait)[:2] == [Cooldown(0, 60), Cooldown(60, 0)]
    assert await store.undo(NAME, clock())
    assert await store.look(NAME, clock()) == Cooldown(0, 60)
    for length in (60, 120, 120):
        assert await store.start(NAME, clock()) == Cooldown(0, length)
        assert await store.confirm(NAME, clock())
        clock.wait(length)
    first = clock()
    assert await store.start(NAME, first) == Cooldown(0, 120)
    assert not await store.undo(NAME, first - 1)
    assert await store.undo(NAME, first)
    assert await store.look(NAME, first) == Cooldown(0, 120)
    assert await store.forget(NAME)
    assert await store.look(NAME, first) == Cooldown(0, 60)


async def test_a_cool_down_that_nobody_confirms_lapses(connection: Connection, clock: Clock) -> None:
    store = CooldownStore(connection, (60, 120), HOLD)
    await store.start(NAME, clock())
    assert await store.confirm(NAME, clock())
    clock.wait(60)
    await store.start(NAME, clock())
    clock.wait(HOLD - 1)
    assert await store.look(NAME, clock()) == Cooldown(120 - HOLD + 1, 0)
    clock.wait(1)
    assert await store.look(NAME, clock()) == Cooldown(0, 120)
    assert await store.start(NAME, clock()) == Cooldown(0, 120)


@pytest.mark.parametrize("count", ["-5", "1.5", "nan", "inf", "many"])
async def test_a_cool_down_with_an_odd_count_is_none(connection: Connection, clock: Clock, count: str) -> None:
    store = CooldownStore(connection, (60,), HOLD)
    await connection.redis.hset(f"cooldown:{{{NAME}}}", mapping={"count": count, "last": str(int(clock() * 1000))})
    assert await store.start(NAME, clock()) == Cooldown(0, 60)


async def test_a_clock_that_was_ahead_holds_nobody_up(connection: Connection, clock: Clock) -> None:
    store, conversions = CooldownStore(connection, (60,), HOLD), ConversionStore(connection)
    await store.start(NAME, clock() + 86_400)
    await conversions.add_sent("1380013", clock() + 86_400)
    assert await store.look(NAME, clock()) == Cooldown(0, 60)
    assert await conversions.of("1380013", clock()) == Conversion(0, 0)


@pytest.mark.parametrize("garbage", [("SET", "x"), ("RPUSH", *"abc"), ("HSET", "a", "b")])
async def test_a_limit_whose_key_holds_something_else_is_mended(
    store: LimitStore, redis: Any, garbage: tuple[str, ...]
) -> None:
    for ask in (store.spend, store.look):
        await redis.delete("limit:codes/13800138000/3/1/hour")
        await redis.execute_command(garbage[0], "limit:codes/13800138000/3/1/hour", *garbage[1:])
        assert await ask([budget("3/hour")]) is None


async def test_a_cool_down_without_steps_is_none(connection: Connection, clock: Clock) -> None:
    store = CooldownStore(connection, (), HOLD)
    for _ in range(3):
        assert await store.start(NAME, clock()) == Cooldown(0, 0)


async def test_codes_used_at_the_same_time_are_all_counted(connection: Connection, clock: Clock) -> None:
    store = ConversionStore(connection)
    for n in range(200):
        store.add_used((f"13800{n % 4:02}", ALL), clock())
    await store.settle()
    assert await store.of(ALL, clock()) == Conversion(0, 200)
    for n in range(4):
        assert await store.of(f"13800{n:02}", clock()) == Conversion(0, 50)


async def test_a_code_that_was_used_is_counted_soon_though_nobody_waits(connection: Connection, clock: Clock) -> None:
    store = ConversionStore(connection)
    for times in (1, 2):
        store.add_used((ALL,), clock())
        async with asyncio.timeout(10):
            while True:
                if await store.of(ALL, clock()) == Conversion(0, times):
                    break
                await asyncio.sleep(0.01)
    await store.settle()


async def test_conversions_are_counted_over_a_sliding_hour(connection: Connection, redis: Any, clock: Clock) -> None:
    store = ConversionStore(connection)
    for minute in range(3):
        assert await store.add_sent("1380013", clock()) == Conversion(minute + 1, minute)
        store.add_used(("1380013",), clock())
        await store.settle()
        clock.wait(60)
    assert await store.of("1380013", clock()) == Conversion(3, 3)
    assert await store.of(ALL, clock()) == Conversion(0, 0)
    clock.wait(58 * 60)
    assert await store.of("1380013", clock()) == Conversion(1, 1)
    clock.wait(60)
    assert await store.of("1380013", clock()) == Conversion(0, 0)
    assert await redis.hgetall("conversion:{1380013}") == {}


@pytest.mark.parametrize(
    "garbage", [("SET", "x"), ("RPUSH", "x"), ("HSET", "count", "many", "last", "x", "odd:field", "9")]
)
async def test_what_an_operator_leaves_in_a_key_is_none_and_mended(
    connection: Connection, redis: Any, clock: Clock, garbage: tuple[str, ...]
) -> None:
    for key in (f"cooldown:{{{NAME}}}", "conversion:{1380013}"):
        await redis.execute_command(garbage[0], key, *garbage[1:])
    assert await CooldownStore(connection, (60,), HOLD).start(NAME, clock()) == Cooldown(0, 60)
    assert await ConversionStore(connection).add_sent("1380013", clock()) == Conversion(1, 0)


async def test_a_closed_port_is_unavailable_and_no_permission(clock: Clock, loop: Any) -> None:
    for url in ("redis://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/latch", "redis+cluster://127.0.0.1:1"):
        connection = Connection(url, timeout=0.5)
        with pytest.raises(ServiceUnavailable):
            await LimitStore(connection, clock).spend([budget("5/hour")])
        with pytest.raises(ServiceUnavailable):
            await CooldownStore(connection, (60,), HOLD).start(NAME, clock())
        await connection.close()
