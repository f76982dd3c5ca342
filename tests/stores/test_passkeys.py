"""Passkeys of operators, on SQLite and on PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from service.operator_entities import Passkey
from service.roles import Role
from service.stores.database import Database
from service.stores.operators import OperatorStore
from service.stores.passkeys import PasskeyStore

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1.5)
ADA = Passkey("ada", "QUJD", "key", 1)


@pytest.fixture
async def store(migrated: Database) -> PasskeyStore:
    operators = OperatorStore(migrated)
    for name in ("ada", "bob"):
        await operators.add(name, Role.ACT, NOW)
    return PasskeyStore(migrated)


async def test_a_passkey_stands_in_the_place_of_the_one_before_it(store: PasskeyStore) -> None:
    new = ADA._replace(credential_id="REVG", public_key="another", sign_count=0)
    assert await store.put(ADA, "a phone", "link 1", NOW)
    assert await store.find("QUJD") == ADA
    assert await store.put(new, "a laptop", "link 2", LATER)
    assert [await store.find(one) for one in ("QUJD", "REVG", "x")] == [None, new, None]
    assert [await store.ids_of(name) for name in ("ada", "bob")] == [["REVG"], []]
    assert [await store.forget("ada") for _ in range(2)] == [True, False]


async def test_one_link_stores_one_passkey_however_many_come_at_once(store: PasskeyStore) -> None:
    for link in ("link 1", "link 2"):
        tries = [store.put(ADA._replace(credential_id=f"{link} {n}"), "", link, NOW) for n in range(5)]
        assert sorted(await asyncio.gather(*tries)) == [False] * 4 + [True]


async def test_nobody_takes_the_passkey_of_another(store: PasskeyStore) -> None:
    assert await store.put(ADA, "", "link 1", NOW)
    assert not await store.put(ADA._replace(name="bob"), "", "link 2", NOW)
    assert await store.find("QUJD") == ADA


async def test_a_count_only_grows_and_one_that_stands_still_at_nought_is_good(store: PasskeyStore) -> None:
    await store.put(ADA._replace(sign_count=0), "", "link 1", NOW)
    counts = {0: True, 5: True, 4: False, 6: True}
    assert await store.use("QUJD", 0, NOW)
    assert {count: await store.use("QUJD", count, NOW) for count in counts} == counts
    assert [await store.use("QUJD", count, NOW) for count in (6, 0)] == [False, False]
    assert not await store.use("x", 7, NOW)
    assert await store.find("QUJD") == ADA._replace(sign_count=6)
    tries = await asyncio.gather(*(store.use("QUJD", 7, NOW) for _ in range(5)))
    assert sorted(tries) == [False] * 4 + [True]


async def test_a_passkey_of_whoever_had_the_name_before_is_nobody_s(store: PasskeyStore, migrated: Database) -> None:
    operators = OperatorStore(migrated)
    await store.put(ADA, "", "link 1", NOW)
    await operators.remove("ada")
    assert await store.find("QUJD") is None
    await operators.add("ada", Role.ACT, LATER)
    assert await store.find("QUJD") is None
