"""UserStore on SQLite and on PostgreSQL: one row per number, whatever happens at once."""

import asyncio
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from service.entities import UserStatus
from service.errors import MobileTaken, ServiceUnavailable
from service.stores.database import Database
from service.stores.users import MOST, UserStore

MOBILE, OTHER = "13800138000", "13900139000"
NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def database(migrated: Database) -> Database:
    return migrated


@pytest.fixture
async def users(database: Database) -> UserStore:
    return UserStore(database)


async def count(database: Database) -> int:
    [row] = await database.rows("SELECT count(*) AS n FROM users", [])
    return int(row["n"])


async def test_a_first_login_creates_a_user_named_after_the_number(users: UserStore, database: Database) -> None:
    user = await users.log_in(MOBILE, NOW)
    assert (user.mobile, user.name, user.status) == (MOBILE, MOBILE, UserStatus.ACTIVE)
    assert (user.created_at, user.last_login) == (NOW, NOW)
    assert user.id > 0
    assert await count(database) == 1


async def test_a_later_login_moves_last_login_and_nothing_else(users: UserStore, database: Database) -> None:
    first = await users.log_in(MOBILE, NOW)
    await database.rows("UPDATE users SET name = 'Ms Li'", [])
    second = await users.log_in(MOBILE, LATER)
    assert (second.id, second.mobile, second.created_at) == (first.id, MOBILE, NOW)
    assert (second.name, second.status, second.last_login) == ("Ms Li", UserStatus.ACTIVE, LATER)
    assert await users.get(first.id) == second
    assert await count(database) == 1


async def test_a_login_leaves_other_users_alone(users: UserStore) -> None:
    one, other = await users.log_in(MOBILE, NOW), await users.log_in(OTHER, NOW)
    await users.log_in(MOBILE, LATER)
    assert other.id != one.id
    assert await users.get(other.id) == other


async def test_a_disabled_user_is_answered_unchanged(users: UserStore, database: Database) -> None:
    user = await users.log_in(MOBILE, NOW)
    await database.rows("UPDATE users SET status = 'disabled'", [])
    answer = await users.log_in(MOBILE, LATER)
    assert (answer.id, answer.status, answer.last_login) == (user.id, UserStatus.DISABLED, NOW)
    assert await users.get(user.id) == answer


async def test_two_hundred_first_logins_at_once_leave_one_user(users: UserStore, database: Database) -> None:
    answers = await asyncio.gather(*(users.log_in(MOBILE, NOW) for _ in range(200)))
    assert len({user.id for user in answers}) == 1
    assert await count(database) == 1


async def test_first_logins_of_many_numbers_at_once_leave_one_user_each(users: UserStore, database: Database) -> None:
    mobiles = [f"138001380{n:02}" for n in range(50)]
    answers = await asyncio.gather(*(users.log_in(mobile, NOW) for mobile in mobiles * 2))
    assert [user.mobile for user in answers] == mobiles * 2
    assert len({user.id for user in answers}) == await count(database) == 50


async def test_logins_that_are_cancelled_leave_nothing_behind_that_blocks_the_next(
    users: UserStore, database: Database
) -> None:
    for turns in range(20):
        caller = asyncio.create_task(users.log_in(MOBILE, NOW))
        for _ in range(turns):
            await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
    assert (await users.log_in(MOBILE, LATER)).last_login == LATER
    assert await count(database) == 1


async def test_a_user_is_got_by_id_as_the_login_answered_it(users: UserStore) -> None:
    user = await users.log_in(MOBILE, NOW)
    assert await users.get(user.id) == user


async def test_an_id_of_nobody_gets_none(users: UserStore) -> None:
    user = await users.log_in(MOBILE, NOW)
    assert await users.get(user.id + 1) is None


async def test_a_user_is_found_from_a_task_that_knows_nothing_of_the_database(users: UserStore) -> None:
    user = await users.log_in(MOBILE, NOW)
    assert await asyncio.create_task(users.get(user.id), context=Context()) == user
    assert await asyncio.create_task(users.log_in(MOBILE, NOW), context=Context()) == user


@pytest.mark.parametrize("moment", [NOW, NOW.replace(microsecond=0), NOW.replace(microsecond=100000)])
async def test_times_come_back_as_the_same_moment_in_utc(users: UserStore, moment: datetime) -> None:
    user = await users.log_in(MOBILE, moment)
    for answer in (user, await users.get(user.id)):
        assert answer
        for time in (answer.created_at, answer.last_login):
            assert time == moment
            assert time.utcoffset() == timedelta(0)


@pytest.fixture
def statements(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many logins were in each statement."""
    seen: list[int] = []
    execute = database.client.execute_query_dict

    async def watched(statement: str, values: list[Any]) -> list[dict[str, Any]]:
        if statement.split()[:3] == ["INSERT", "INTO", "users"]:
            seen.append(len(values) // 2)  # a status for all, then a number and a moment for each
        return await execute(statement, values)

    monkeypatch.setattr(database.client, "execute_query_dict", watched)
    return seen


async def test_a_login_alone_waits_for_nobody_and_those_that_come_meanwhile_go_together(
    users: UserStore, statements: list[int]
) -> None:
    first = asyncio.create_task(users.log_in("13700137000", NOW))
    while not statements:  # noqa: ASYNC110 - a few turns of the loop
        await asyncio.sleep(0)
    mobiles = [f"138{n:08}" for n in range(2 * MOST)]
    answers = await asyncio.gather(*(users.log_in(mobile, NOW) for mobile in mobiles))
    assert [user.mobile for user in answers] == mobiles
    assert (await first).mobile == "13700137000"
    assert statements == [1, MOST, MOST]


async def test_one_number_twice_in_a_batch_logs_in_twice(users: UserStore, statements: list[int]) -> None:
    answers = await asyncio.gather(
        *(users.log_in(mobile, now) for now in (NOW, LATER) for mobile in (MOBILE, OTHER, MOBILE))
    )
    assert [user.created_at for user in answers] == [NOW] * 6
    assert answers[-1].last_login == LATER
    assert sum(statements) == 6


async def test_a_login_that_the_database_refuses_fails_no_other(
    users: UserStore, database: Database, url: str, statements: list[int]
) -> None:
    if url.startswith("sqlite"):
        refuse = (
            "CREATE TRIGGER refuse BEFORE INSERT ON users WHEN new.mobile = '{}' BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    else:
        refuse = "ALTER TABLE users ADD CONSTRAINT refuse CHECK (mobile <> '{}')"
    await database.rows(refuse.format(OTHER), [])
    mobiles = [MOBILE, OTHER, *(f"137{n:08}" for n in range(20))]
    answers = await asyncio.gather(*(users.log_in(mobile, NOW) for mobile in mobiles), return_exceptions=True)
    for mobile, answer in zip(mobiles, answers, strict=True):
        assert isinstance(answer, Exception) if mobile == OTHER else getattr(answer, "mobile", None) == mobile
    assert await count(database) == len(mobiles) - 1
    assert statements[0] > 1


async def test_logins_whose_shared_statement_is_lost_are_tried_by_themselves(
    users: UserStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    within, lost = database.within, [True]

    async def loses_one_answer(work: Any) -> Any:
        rows = await within(work)
        if lost:
            lost.clear()
            raise ServiceUnavailable
        return rows

    monkeypatch.setattr(database, "within", loses_one_answer)
    mobiles = [f"138{n:08}" for n in range(10)]
    answers = await asyncio.gather(*(users.log_in(mobile, NOW) for mobile in mobiles))
    assert [user.mobile for user in answers] == mobiles
    assert {user.created_at for user in answers} == {NOW}  # all of them are told as new, which they are


async def test_two_workers_that_log_the_same_people_in_do_not_wait_for_each_other_for_ever(
    url: str, database: Database
) -> None:
    others = Database(url, timeout=5, pool_size=4)
    await others.open()
    stores = [UserStore(database), UserStore(others)]
    mobiles = [f"138{n:08}" for n in range(40)]
    for turn in range(5):
        orders = (mobiles, mobiles[::-1])
        moment = NOW + timedelta(hours=turn)
        logins = [store.log_in(mobile, moment) for store, order in zip(stores, orders, strict=True) for mobile in order]
        answers = await asyncio.gather(*logins)
        assert {user.last_login for user in answers} == {moment}
    await others.close()
    assert await count(database) == len(mobiles)


@pytest.mark.slow
@pytest.mark.parametrize("url", ["postgres"], indirect=True)  # SQLite locks the database, not rows
async def test_a_row_that_somebody_holds_holds_up_its_own_login_alone(
    database: Database, url: str, users: UserStore
) -> None:
    await users.log_in(OTHER, NOW)
    operator = await asyncpg.connect(url)
    async with operator.transaction():
        await operator.execute(f"UPDATE users SET name = 'held' WHERE mobile = '{OTHER}'")
        mobiles = [OTHER, *(f"138{n:08}" for n in range(20))]
        answers = await asyncio.gather(*(users.log_in(mobile, LATER) for mobile in mobiles), return_exceptions=True)
        assert isinstance(answers[0], ServiceUnavailable)
        assert [getattr(user, "mobile", user) for user in answers[1:]] == mobiles[1:]
    await operator.close()
    assert (await users.log_in(OTHER, LATER)).last_login == LATER
    assert await count(database) == len(mobiles)


async def test_a_name_is_changed_of_an_active_user_alone(users: UserStore, database: Database) -> None:
    user, other = await users.log_in(MOBILE, NOW), await users.log_in(OTHER, NOW)
    assert await users.rename(user.id, "李雷") == user._replace(name="李雷")
    assert await users.get(other.id) == other
    assert await users.rename(user.id + other.id, "Ada") is None
    await users.set_status(user.id, UserStatus.DISABLED)
    assert await users.rename(user.id, "Ada") is None


async def test_a_name_that_was_the_number_follows_it_and_another_stays(users: UserStore) -> None:
    user = await users.log_in(MOBILE, NOW)
    assert await users.change_mobile(user.id, MOBILE, OTHER) == user._replace(mobile=OTHER, name=OTHER)
    await users.rename(user.id, "Ada")
    assert await users.change_mobile(user.id, OTHER, MOBILE) == user._replace(name="Ada")
    assert await users.change_mobile(user.id, OTHER, MOBILE) is None  # it is not the present one any more


async def test_of_many_who_want_one_number_at_once_the_constraint_lets_one_have_it(
    users: UserStore, database: Database
) -> None:
    people = [await users.log_in(f"1380013801{n}", NOW) for n in range(8)]
    changes = (users.change_mobile(user.id, str(user.mobile), OTHER) for user in people)
    answers = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(answer, MobileTaken) for answer in answers) == 7
    assert await count(database) == 8
    assert (await users.log_in(OTHER, LATER)).id in {user.id for user in people}


async def test_an_erased_user_is_gone_and_the_id_is_nobodys(users: UserStore, database: Database) -> None:
    user = await users.log_in(MOBILE, NOW)
    await users.erase(user.id)
    await users.erase(user.id)
    assert await users.get(user.id) is None
    assert (await users.log_in(MOBILE, LATER)).id > user.id
