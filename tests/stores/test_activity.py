"""ActivityStore on every kind of Redis: people within the error of a HyperLogLog, numbers added up by minute."""

import random
from typing import Any

import pytest

from service.activity import Active, Moment
from service.errors import ServiceUnavailable
from service.stores.activity import ActivityStore
from service.stores.redis.connection import Connection
from tests.stores.conftest import keys_of, on_every_server, unavailable_soon

NOW = 1_767_225_600.0  # a whole hour
MINUTE, HOUR = 60.0, 3600.0
ERROR = 0.0081  # the standard error of a HyperLogLog in Redis
COUNTS = "active:{all}:counts:29453760"  # of the minute that begins at NOW


@pytest.fixture
async def store(connection_of_latch: Connection) -> ActivityStore:
    return ActivityStore(connection_of_latch)


def ids(count: int, seed: int) -> list[int]:
    return random.Random(seed).sample(range(1, 10**9), count)


async def seen(store: ActivityStore, users: list[int], at: float) -> None:
    await store.add(users, {}, {}, at)


async def counted(store: ActivityStore, **counts: int) -> None:
    await store.add([], counts, {}, NOW)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_many_people_are_counted_within_three_standard_errors(store: ActivityStore, seed: int) -> None:
    users = ids(20_000, seed)
    for worker in (users[:12_000], users[8_000:]):
        await seen(store, worker, NOW)
    for found in await store.active(NOW):
        assert abs(found - len(users)) <= 3 * ERROR * len(users)


async def test_people_are_active_for_five_minutes_an_hour_and_a_day(store: ActivityStore) -> None:
    for n, ago in enumerate((0, 4 * MINUTE, 6 * MINUTE, 59 * MINUTE, 61 * MINUTE, 24 * HOUR, 25 * HOUR)):
        await seen(store, [n], NOW - ago)
    assert await store.active(NOW) == Active(2, 4, 6)
    assert await store.active(NOW + 2 * MINUTE) == Active(1, 3, 6)
    assert await store.active(NOW + 25 * HOUR) == Active(0, 0, 0)


async def test_whoever_is_active_again_counts_once(store: ActivityStore) -> None:
    for ago in (0, 0, MINUTE, HOUR):
        await seen(store, [1, 2], NOW - ago)
    assert await store.active(NOW) == Active(2, 2, 2)


async def test_numbers_of_all_workers_are_added_up_by_minute(store: ActivityStore) -> None:
    await counted(store, logins=1, codes_sent=2)
    await counted(store, logins=3)
    await store.add([], {"logins": 1}, {}, NOW - 59 * MINUTE)
    await store.add([], {"logins": 1}, {}, NOW - 60 * MINUTE)  # too long ago
    minutes = await store.minutes(NOW + 59)
    assert [minute.at for minute in minutes] == [NOW - ago * MINUTE for ago in range(59, -1, -1)]
    assert minutes[-1].counts == {"logins": 4, "codes_sent": 2}
    assert minutes[0].counts == {"logins": 1}
    assert not any(minute.counts for minute in minutes[1:-1])


async def test_what_happened_last_replaces_what_happened_before(store: ActivityStore) -> None:
    assert await store.last() == {}
    await store.add([], {}, {"sms:aliyun:failed": Moment(NOW, "no answer within 5 s")}, NOW)
    await store.add([], {}, {"sms:aliyun:sent": Moment(NOW + 1.5, "")}, NOW)
    await store.add([], {}, {"sms:aliyun:failed": Moment(NOW + 2, "isv.LIMIT")}, NOW)
    assert await store.last() == {
        "sms:aliyun:failed": Moment(NOW + 2, "isv.LIMIT"),
        "sms:aliyun:sent": Moment(NOW + 1.5, ""),
    }


async def test_every_key_ends_by_itself(store: ActivityStore, redis: Any) -> None:
    await store.add([1], {"logins": 1}, {"sms:file:sent": Moment(NOW, "")}, NOW)
    assert len(lives := [await redis.ttl(key) for key in await keys_of(redis)]) == 4
    assert HOUR < min(lives) <= max(lives) <= 7 * 24 * HOUR


async def test_nothing_noted_writes_nothing(store: ActivityStore, redis: Any) -> None:
    await store.add([], {}, {}, NOW)
    assert await keys_of(redis) == set()


async def test_a_value_of_another_type_counts_as_not_there_and_makes_room(store: ActivityStore, redis: Any) -> None:
    await store.add([1], {"logins": 1}, {"x": Moment(NOW, "")}, NOW)
    names = await keys_of(redis)
    for key in names:
        await redis.delete(key)
        await redis.lpush(key, "somebody's")
    assert (await store.active(NOW), await store.last()) == (Active(0, 0, 0), {})
    assert not any(minute.counts for minute in await store.minutes(NOW))
    for _ in range(2):
        await store.add([1], {"logins": 1}, {"x": Moment(NOW, "")}, NOW)
    assert await store.active(NOW) == Active(1, 1, 1)
    assert (await store.minutes(NOW))[-1].counts == {"logins": 1}
    assert await store.last() == {"x": Moment(NOW, "")}


async def test_fields_that_cannot_be_read_count_as_not_there(store: ActivityStore, redis: Any) -> None:
    await redis.hset(COUNTS, mapping={"logins": "many", "codes_sent": "3", "shed": "-1"})
    await redis.hset("active:{all}:last", mapping={"x": "yesterday", "y": "1.5", "z": "nan word", "w": "1.5 a b"})
    assert (await store.minutes(NOW))[-1].counts == {"codes_sent": 3}
    assert await store.last() == {"y": Moment(1.5, ""), "w": Moment(1.5, "a b")}


async def test_a_redis_that_is_full_takes_none_of_it(store: ActivityStore, redis: Any) -> None:
    await on_every_server(redis, "CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(ServiceUnavailable):
            await store.add([1], {"logins": 1}, {}, NOW)
    finally:
        await on_every_server(redis, "CONFIG", "SET", "maxmemory", "0")
    assert await keys_of(redis) == set()


async def test_a_redis_that_is_away_is_told(unused_port: int) -> None:
    connection = Connection(f"redis://127.0.0.1:{unused_port}", timeout=1)
    store = ActivityStore(connection)
    for work in (lambda: seen(store, [1], NOW), lambda: store.active(NOW), lambda: store.minutes(NOW), store.last):
        with unavailable_soon():
            await work()
    await connection.close()
