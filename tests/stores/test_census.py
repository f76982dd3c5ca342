"""SessionCensus: the estimate is right on average and as exact as it says, and so on every kind of Redis."""

import asyncio
import random
from typing import Any

import pytest

from service.activity import Estimate
from service.entities import EndReason
from service.stores.census import SessionCensus, Stratum, estimated
from service.stores.redis.connection import Connection
from service.stores.sessions import SessionStore
from tests.stores.conftest import on_every_server, unavailable_soon
from tests.stores.test_sessions import LIFE, NOW, Login, opened

pytestmark = pytest.mark.slow

TIMES = 400
# What a key stands for: most for nothing, a fourth for the one to ten sessions of a user.
KEYS = [0] * 750 + [1] * 200 + [2] * 30 + [5] * 15 + [10] * 5


@pytest.fixture
async def store(connection_of_latch: Connection) -> SessionStore:
    return SessionStore(connection_of_latch)


def drawn(dice: random.Random, keys: list[int], draws: int) -> Stratum:
    return Stratum(len(keys), dice.choices(keys, k=draws))


@pytest.mark.parametrize("shares", [[2_000], [1_000, 600, 400]], ids=["one server", "a cluster"])
def test_the_estimate_is_right_on_average_and_as_exact_as_it_says(shares: list[int]) -> None:
    dice = random.Random(15)
    everything = [dice.sample(KEYS, len(KEYS)) * n for n in range(1, len(shares) + 1)]
    live = sum(map(sum, everything))
    found = [
        estimated([drawn(dice, keys, draws) for keys, draws in zip(everything, shares, strict=True)], NOW)
        for _ in range(TIMES)
    ]
    error = sum(one.standard_error for one in found) / TIMES
    assert abs(sum(one.live for one in found) / TIMES - live) < 3 * error / TIMES**0.5
    assert 0.92 < sum(abs(one.live - live) <= 2 * one.standard_error for one in found) / TIMES < 0.98


def test_what_is_too_rare_to_be_found_is_within_the_error() -> None:
    assert estimated([Stratum(1_000_000, [0] * 10_000)], NOW) == Estimate(0, 100, NOW)
    assert estimated([Stratum(7, [3])], NOW) == Estimate(21, 7, NOW)
    assert estimated([], NOW) == Estimate(0, 0, NOW)


async def test_live_sessions_are_estimated_among_whatever_else_there_is(
    connection_of_latch: Connection, store: SessionStore, redis: Any
) -> None:
    logins = [Login(user_id=1 + n % 400) for n in range(500)]
    for start in range(0, 500, 50):
        await asyncio.gather(
            *(store.open(one.session, one.key_suffix, one.access, cap=10) for one in logins[start : start + 50])
        )
    await asyncio.gather(*(store.end(one.session.user_id, one.id, EndReason.REVOKED, NOW) for one in logins[:60]))
    for n in range(300):
        await redis.set(f"somebody's:{n}", "")
    found = await SessionCensus(connection_of_latch, store).estimate(NOW)
    assert 0 < found.standard_error < 20
    assert abs(found.live - 440) < 5 * found.standard_error


async def test_a_few_sessions_are_told_as_they_are(
    connection_of_latch: Connection, store: SessionStore, redis: Any
) -> None:
    for user_id in (1, 1, 2):
        await opened(store, user_id=user_id)
    census = SessionCensus(connection_of_latch, store)
    assert await census.estimate(NOW + 1) == Estimate(3, 0, NOW + 1)
    assert (await census.estimate(NOW + LIFE)).live == 0  # the server's own clock has not come so far
    await on_every_server(redis, "FLUSHALL")
    assert await census.estimate(NOW) == Estimate(0, 0, NOW)


async def test_a_list_that_somebody_has_deleted_ends_its_sessions(
    connection_of_latch: Connection, store: SessionStore, redis: Any
) -> None:
    await opened(store, user_id=1)
    await opened(store, user_id=2)
    await redis.delete("sessions:{1}")
    await redis.set("sessions:{3}", "made-up,too")
    await redis.set("sessions:{no}", "x")
    assert (await SessionCensus(connection_of_latch, store).estimate(NOW)).live == 1


async def test_a_redis_that_is_away_is_told(unused_port: int) -> None:
    connection = Connection(f"redis://127.0.0.1:{unused_port}", timeout=1)
    with unavailable_soon():
        await SessionCensus(connection, SessionStore(connection)).estimate(NOW)
    await connection.close()
