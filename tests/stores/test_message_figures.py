"""MessageFigureStore on every kind of Redis: messages by sender, codes by prefix, however many there are."""

from typing import Any

import pytest

from service.message_counts import CodeCounts, CodeTable
from service.stores.conversions import ConversionStore
from service.stores.message_figures import AT_ONCE, MOST, MessageFigureStore
from service.stores.redis.connection import Connection
from tests.conftest import Clock
from tests.stores.conftest import keys_of, on_every_server, unavailable_soon

NOW = 1_767_225_600.0  # a whole hour
MINUTE, HOUR = 60.0, 3600.0
NONE = CodeCounts()


@pytest.fixture
async def store(connection_of_latch: Connection) -> MessageFigureStore:
    return MessageFigureStore(connection_of_latch)


async def seen(store: MessageFigureStore, at: float = NOW, **codes: int) -> None:
    await store.add({}, {prefix.removeprefix("p"): CodeCounts(asked) for prefix, asked in codes.items()}, at)


async def test_messages_of_a_day_are_added_up_by_name_and_nothing_else_is(store: MessageFigureStore) -> None:
    await store.add({"sms:file:sent": 2, "sms_seconds:file:0.3": 2, "logins": 9}, {}, NOW)
    await store.add({"sms:file:sent": 1}, {}, NOW - 24 * HOUR)
    await store.add({"sms:file:sent": 5}, {}, NOW - 25 * HOUR)
    assert await store.messages(NOW) == {"sms:file:sent": 3, "sms_seconds:file:0.3": 2}


async def test_codes_are_added_up_by_prefix_within_an_hour_and_a_day(store: MessageFigureStore) -> None:
    await store.add({}, {"1380013": CodeCounts(3, 2, 1), "1700000": CodeCounts(1, 0, 0)}, NOW)
    await store.add({}, {"1380013": CodeCounts(0, 0, 1)}, NOW + 9 * MINUTE)
    await seen(store, NOW - HOUR, p1380013=10)
    await seen(store, NOW - HOUR - 1, p1380013=100)
    await seen(store, NOW - 24 * HOUR - 1, p1380013=1000)
    hour, day = await store.codes_of_hour(NOW + 9 * MINUTE), await store.codes_of_day(NOW)
    assert hour == CodeTable({"1380013": CodeCounts(13, 2, 2), "1700000": CodeCounts(1)}, NONE)
    assert day == CodeTable({"1380013": CodeCounts(113, 2, 2), "1700000": CodeCounts(1)}, NONE)
    assert day.total == CodeCounts(114, 2, 2)


async def test_of_very_many_prefixes_those_most_asked_for_are_kept_and_the_rest_is_counted(
    store: MessageFigureStore, redis: Any
) -> None:
    for n in range(5):
        walked = {f"{1300000 + 200 * n + m}": CodeCounts(1, 1) for m in range(2 * AT_ONCE)}
        await store.add({}, {**walked, "1888888": CodeCounts(7, 5, 1)}, NOW)
    table = await store.codes_of_hour(NOW)
    assert len(table.prefixes) == MOST
    assert table.prefixes["1888888"] == CodeCounts(35, 25, 5)
    assert table.total == CodeCounts(10 * AT_ONCE + 35, 10 * AT_ONCE + 25, 5)
    assert [await redis.hlen(key) for key in await keys_of(redis)] == [MOST + 1] * 2


async def test_one_that_comes_late_and_often_takes_the_place_of_one_that_came_once(store: MessageFigureStore) -> None:
    for start in range(1_300_000, 1_300_000 + MOST, AT_ONCE):
        await store.add({}, {f"{start + n}": CodeCounts(1) for n in range(AT_ONCE)}, NOW)
    await seen(store, p1888888=2)
    table = await store.codes_of_day(NOW)
    assert (table.prefixes["1888888"], table.rest) == (CodeCounts(2), CodeCounts(1))


async def test_every_key_ends_by_itself(store: MessageFigureStore, redis: Any) -> None:
    await store.add({"sms:file:sent": 1}, {"1380013": CodeCounts(1)}, NOW)
    lives = sorted([await redis.ttl(key) for key in await keys_of(redis)])
    assert len(lives) == 3
    assert HOUR < lives[0] <= 80 * MINUTE
    assert 25 * HOUR < lives[1] <= lives[2] <= 26 * HOUR


async def test_nothing_noted_writes_nothing(store: MessageFigureStore, redis: Any) -> None:
    await store.add({"logins": 1}, {}, NOW)
    assert await keys_of(redis) == set()


async def test_a_value_of_another_type_counts_as_not_there_and_makes_room(
    store: MessageFigureStore, redis: Any
) -> None:
    async def add() -> None:
        await store.add({"sms:file:sent": 1}, {"1380013": CodeCounts(1)}, NOW)

    await add()
    for key in await keys_of(redis):
        await redis.delete(key)
        await redis.lpush(key, "somebody's")
    assert (await store.messages(NOW), await store.codes_of_hour(NOW)) == ({}, CodeTable({}, NONE))
    for _ in range(2):
        await add()
    assert await store.messages(NOW) == {"sms:file:sent": 1}
    assert (await store.codes_of_hour(NOW)).prefixes["1380013"].asked in {1, 2}


async def test_fields_that_cannot_be_read_count_as_not_there(store: MessageFigureStore, redis: Any) -> None:
    await seen(store, p1380013=1)
    for key in await keys_of(redis):
        await redis.hset(key, mapping={"1380013": "many", "1700000": "1 2", "x": "-1 0 0", "1390013": "1 1 1"})
    assert (await store.codes_of_hour(NOW)).prefixes == {"1390013": CodeCounts(1, 1, 1)}
    await seen(store, p1380013=3)
    assert (await store.codes_of_hour(NOW)).prefixes["1380013"] == CodeCounts(3)


async def test_a_redis_that_is_full_takes_none_of_it(store: MessageFigureStore, redis: Any) -> None:
    await on_every_server(redis, "CONFIG", "SET", "maxmemory", "1")
    try:
        with unavailable_soon():
            await seen(store, p1380013=1)
    finally:
        await on_every_server(redis, "CONFIG", "SET", "maxmemory", "0")
    assert await keys_of(redis) == set()


async def test_a_redis_that_is_away_is_told(unused_port: int) -> None:
    connection = Connection(f"redis://127.0.0.1:{unused_port}", timeout=1)
    store = MessageFigureStore(connection)
    for work in (store.messages, store.codes_of_hour, store.codes_of_day, lambda now: seen(store, now, p1380013=1)):
        with unavailable_soon():
            await work(NOW)
    with unavailable_soon():
        await ConversionStore(connection).minutes("1380013")
    await connection.close()


async def test_conversions_are_told_by_minute_whatever_else_stands_there(
    connection: Connection, redis: Any, clock: Clock
) -> None:
    conversions = ConversionStore(connection)
    await conversions.add_sent("1380013", clock())
    conversions.add_used(("1380013",), clock() + MINUTE)
    await conversions.settle()
    await redis.hset("conversion:{1380013}", mapping={"sent:x": "1", "lent:5": "1", "sent:7": "many", "odd": "1"})
    minute = int(clock() // MINUTE)
    found = await conversions.minutes("1380013")
    assert {at: (one.sent, one.used) for at, one in found.items()} == {minute: (1, 0), minute + 1: (0, 1)}
