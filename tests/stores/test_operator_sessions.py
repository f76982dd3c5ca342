"""Sessions of operators and challenges of passkeys on every kind of Redis, as the ACL of deploy/redis lets Latch."""

from typing import Any

import pytest

from service.entities import Device
from service.roles import Role
from service.stores.challenges import Challenges
from service.stores.operator_sessions import OperatorRecord, OperatorSessionStore
from service.stores.redis.connection import Connection
from tests.stores.conftest import keys_of

pytestmark = pytest.mark.slow

RECORD = OperatorRecord("a" * 64, None, Device("Firefox", "203.0.113.7"), 1000.0, 1000.0)
ONE, TWO, THREE = ("0" * 15 + digit for digit in "123")


async def test_sessions_are_opened_kept_listed_and_ended(connection_of_latch: Connection, redis: Any) -> None:
    store, by_address = OperatorSessionStore(connection_of_latch), RECORD._replace(role=Role.LOOK)
    await store.open("ada", ONE, RECORD)
    await store.open("ada@example.com", TWO, by_address)
    assert await store.find("ada@example.com", TWO) == by_address
    assert [await store.find("ada", one) for one in (ONE, TWO)] == [RECORD, None]
    used = RECORD._replace(used_at=1060.0)
    await store.keep("ada", ONE, used)
    assert await store.find("ada", ONE) == used
    assert await redis.pttl(f"operator:{{ada}}:session:{ONE}") > 1_790_000
    for one in (TWO, THREE):
        await store.open("ada", one, RECORD)
    assert list(await store.all("ada")) == [ONE, TWO, THREE]
    assert [await store.end("ada", TWO) for _ in range(2)] == [True, False]
    await store.keep("ada", TWO, RECORD)
    assert list(await store.all("ada")) == [ONE, THREE]
    assert await store.end_all("ada") == [ONE, THREE]
    assert [await store.end_all("ada"), await store.all("ada")] == [[], {}]
    assert {key for key in await keys_of(redis) if "{ada}" in key} == set()


async def test_what_a_list_names_no_more_leaves_it_at_the_next_log_in(
    connection_of_latch: Connection, redis: Any
) -> None:
    store = OperatorSessionStore(connection_of_latch)
    for one in (ONE, TWO):
        await store.open("ada", one, RECORD)
    await redis.delete(f"operator:{{ada}}:session:{ONE}")
    await store.open("ada", THREE, RECORD)
    assert await redis.get("operator:{ada}:sessions") == f"{TWO},{THREE}".encode()


async def test_a_challenge_is_taken_once_and_for_its_purpose(connection_of_latch: Connection) -> None:
    challenges = Challenges(connection_of_latch)
    await challenges.put("log in", "c")
    taken = [await challenges.take(*one) for one in (("enrol", "c"), ("log in", "d"), ("log in", "c"), ("log in", "c"))]
    assert taken == [False, False, True, False]
