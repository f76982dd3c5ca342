"""Operators, keys and the directory of users, on SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.entities import User
from service.roles import Role
from service.stores.database import Database
from service.stores.directory import LAST_ID, Directory
from service.stores.operators import KeyStore, OperatorStore
from service.stores.users import UserStore

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def database(migrated: Database) -> Database:
    return migrated


async def named(database: Database, *names: str) -> list[User]:
    """Users of these names, in the order in which they came."""
    users = UserStore(database)
    found = [await users.log_in(f"{13_800_000_000 + number}", NOW) for number, _ in enumerate(names)]
    for user, name in zip(found, names, strict=True):
        await users.rename(user.id, name)
    return [user._replace(name=name) for user, name in zip(found, names, strict=True)]


async def test_an_operator_is_added_once_listed_by_name_and_removed(database: Database) -> None:
    store = OperatorStore(database)
    assert await store.add("bob", Role.ACT, NOW)
    assert await store.add("ada", Role.OWNER, NOW)
    assert not await store.add("bob", Role.LOOK, NOW)
    ada, bob = await store.all()
    assert (ada.name, ada.role, ada.created_at, ada.last_used_at) == ("ada", Role.OWNER, NOW, None)
    assert bob.role is Role.ACT
    assert await store.remove("bob")
    assert not await store.remove("bob")
    assert await store.all() == [ada]


async def test_a_key_is_found_by_its_digest_and_keeps_its_last_use(database: Database) -> None:
    store, later = KeyStore(database), NOW + timedelta(minutes=1)
    assert await store.add_key("crm", Role.LOOK, "a" * 64, NOW)
    assert not await store.add_key("crm", Role.LOOK, "b" * 64, NOW)
    assert await store.find("b" * 64) is None
    await store.note_use("crm", later)
    found = await store.find("a" * 64)
    assert found is not None
    assert (found.name, found.role, found.last_used_at) == ("crm", Role.LOOK, later)


async def test_the_newest_users_come_first_and_page_by_page(database: Database) -> None:
    users, directory = await named(database, "a", "b", "c"), Directory(database)
    assert await directory.newest(2) == [users[2], users[1]]
    assert await directory.newest(2, before=users[1].id) == [users[0]]


async def test_users_are_found_by_the_start_of_their_name_as_it_is_written(database: Database) -> None:
    users = await named(database, "Ada", "Adam", "ada", "\u674e\u96f7", "A%", "Ad\U0001f469")
    directory = Directory(database)
    for start, found in (("Ad", (5, 1, 0)), ("Ada", (1, 0)), ("\u674e", (3,)), ("A%", (4,)), ("%", ()), ("_", ())):
        assert await directory.named(start, 10) == [users[place] for place in found], start
    assert await directory.named("Ad", 1, before=users[5].id) == [users[1]]


async def test_a_name_that_is_the_number_is_not_found_by_its_start(database: Database) -> None:
    await UserStore(database).log_in("13800138000", NOW)
    assert await Directory(database).named("1380", 10) == []


async def test_whoever_has_no_number_is_found_by_the_start_of_the_name_in_its_place(database: Database) -> None:
    users = await named(database, "Ada", "Adam", "Adele")
    await database.rows(f"UPDATE users SET mobile = NULL WHERE id IN ({users[0].id}, {users[1].id})", [])
    directory = Directory(database)
    for most, before, places in ((10, LAST_ID, (2, 1, 0)), (2, LAST_ID, (2, 1)), (10, users[2].id, (1, 0))):
        found = await directory.named("Ad", most, before)
        assert [user.id for user in found] == [users[place].id for place in places]
    assert [user.mobile is None for user in await directory.named("Ad", 10)] == [False, True, True]
    assert [user.id for user in await directory.newest(10)] == [user.id for user in reversed(users)]


async def test_names_are_found_by_their_index_and_those_without_a_number_by_that_of_the_numbers(
    database: Database,
) -> None:
    if database.is_postgres:
        await database.rows(
            "INSERT INTO users (mobile, name, status, created_at, last_login) "
            "SELECT (13000000000 + n)::text, (13000000000 + n)::text, 'active', now(), now() "
            "FROM generate_series(1, 20000) AS n",
            [],
        )
        await database.rows("ANALYZE users", [])
    explain, rows = "EXPLAIN" if database.is_postgres else "EXPLAIN QUERY PLAN", database.rows
    plans: list[str] = []

    async def explained(statement: str, values: list[object]) -> list[dict[str, Any]]:
        plans.append(str(await rows(f"{explain} {statement}", values)))
        return []

    vars(database)["rows"] = explained
    await Directory(database).named("Ad", 51)
    [plan] = plans
    assert "users_named" in plan
    assert "users_mobile_key" in plan or "sqlite_autoindex_users_1" in plan
    assert "SCAN users" not in plan
    assert "Seq Scan" not in plan
