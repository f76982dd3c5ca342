"""NumberStore on SQLite and on PostgreSQL: a number is given to one and taken from another in one step."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest

from service.entities import UserStatus
from service.errors import MobileTaken
from service.stores.database import Database
from service.stores.numbers import NumberStore
from service.stores.users import UserStore

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def database(migrated: Database) -> Database:
    return migrated


@pytest.fixture
async def users(database: Database) -> UserStore:
    return UserStore(database)


@pytest.fixture
async def numbers(database: Database) -> NumberStore:
    return NumberStore(database)


async def test_a_number_is_given_and_taken_at_once_and_names_follow(users: UserStore, numbers: NumberStore) -> None:
    user, holder = await users.log_in("13800138000", NOW), await users.log_in("13900139000", NOW)
    given, robbed = await numbers.give(user, "13900139000", holder)
    assert (given, robbed) == (
        user._replace(mobile="13900139000", name="13900139000"),
        holder._replace(mobile=None, name=f"user {holder.id}"),
    )
    assert [await users.get(one.id) for one in (user, holder)] == [given, robbed]
    assert await users.find("13900139000") == given
    assert await users.find("13800138000") is None
    again = await numbers.give(robbed, "13800138000", None)
    assert again == [robbed._replace(mobile="13800138000")]  # the name stays: it was no number


async def test_names_of_ones_own_stay_and_so_does_whatever_else_there_is(
    users: UserStore, numbers: NumberStore, database: Database
) -> None:
    user, holder = await users.log_in("13900139000", NOW), await users.log_in("13800138000", NOW)
    for one, name in ((user, "Ada"), (holder, "Bob")):
        await users.set_name(one.id, name)
        await users.set_status(one.id, UserStatus.DISABLED)
    given, robbed = await numbers.give(user, "13800138000", holder)
    assert given == user._replace(mobile="13800138000", name="Ada", status=UserStatus.DISABLED)
    assert robbed == holder._replace(mobile=None, name="Bob", status=UserStatus.DISABLED)
    assert (await users.log_in("13700137000", NOW)).id == holder.id + 1  # no id was spent


async def test_a_row_that_is_not_as_it_was_known_leaves_both_alone(users: UserStore, numbers: NumberStore) -> None:
    user, holder = await users.log_in("13800138000", NOW), await users.log_in("13900139000", NOW)
    for stale in (user._replace(mobile="13700137000"), user._replace(mobile=None), user._replace(id=4711)):
        assert await numbers.give(stale, "13900139000", holder) == []
    await numbers.give(holder, "13500135000", None)
    assert await numbers.give(user, "13900139000", holder) == [user._replace(mobile="13900139000", name="13900139000")]
    assert (await users.find("13500135000")) is not None  # who had let go of it before was left alone


async def test_a_number_that_somebody_else_has_by_now_is_taken_and_nothing_is_changed(
    users: UserStore, numbers: NumberStore
) -> None:
    user, holder, third = [await users.log_in(f"1380013800{n}", NOW) for n in range(3)]
    for known in (None, holder):
        with pytest.raises(MobileTaken):
            await numbers.give(user, str(third.mobile), known)
    assert [await users.get(one.id) for one in (user, holder, third)] == [user, holder, third]


@pytest.mark.parametrize("url", ["postgres"], indirect=True)  # SQLite lets nobody write meanwhile
@pytest.mark.parametrize(
    "statement", ["DELETE FROM users WHERE id = $1", "UPDATE users SET mobile = '1' WHERE id = $1"]
)
async def test_whoever_is_erased_or_changed_meanwhile_is_not_made_anew(
    users: UserStore, numbers: NumberStore, url: str, statement: str
) -> None:
    user, holder = await users.log_in("13800138000", NOW), await users.log_in("13900139000", NOW)
    operator = await asyncpg.connect(url)
    async with operator.transaction():
        await operator.execute(statement, user.id)
        giving = asyncio.create_task(numbers.give(user, "13900139000", holder))
        await waits_for_a_row(operator)
    assert await giving == []
    await operator.close()
    assert user.mobile
    assert await users.find(user.mobile) is None
    assert await users.get(holder.id) == holder


async def waits_for_a_row(operator: asyncpg.Connection) -> None:
    while not await operator.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        await operator.execute("SELECT pg_sleep(0.01)")


async def test_of_many_who_are_given_one_number_at_once_one_has_it_and_nobody_loses_it_twice(
    users: UserStore, numbers: NumberStore, database: Database
) -> None:
    people = [await users.log_in(f"1380013800{n}", NOW) for n in range(6)]
    holder = await users.log_in("13900139000", NOW)
    found = await asyncio.gather(*(numbers.give(one, "13900139000", holder) for one in people), return_exceptions=True)
    given = [one for one in found if isinstance(one, list)]
    assert [len(one) for one in given] == [2]
    assert all(isinstance(one, MobileTaken) for one in found if not isinstance(one, list))
    rows = await database.rows("SELECT id FROM users WHERE mobile = '13900139000'", [])
    assert [row["id"] for row in rows] == [given[0][0].id]


async def test_two_numbers_that_are_swapped_at_once_are_each_somebodys_or_nobodys(
    users: UserStore, numbers: NumberStore, database: Database
) -> None:
    for _ in range(10):
        await database.rows("DELETE FROM users", [])
        one, other = await users.log_in("13800138000", NOW), await users.log_in("13900139000", NOW)
        await asyncio.gather(numbers.give(one, "13900139000", other), numbers.give(other, "13800138000", one))
        rows = await database.rows("SELECT mobile FROM users ORDER BY id", [])
        assert sorted(str(row["mobile"]) for row in rows) in (
            ["13900139000", "None"],
            ["13800138000", "None"],
        )
