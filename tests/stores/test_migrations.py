"""A database that holds people is brought up to date: nobody is lost, and nobody gets the id of another."""

import itertools
import shutil
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError

from service.errors import ServiceUnavailable
from service.stores.database import Database
from service.stores.tortoise_config import APP
from tests.stores.conftest import opened

pytestmark = pytest.mark.slow

REBUILDING = "0004_users_without_a_number"  # SQLite's table is made anew by it
LATER = sorted(file.stem for file in Path("models/migrations").glob("0*.py") if file.stem > REBUILDING)
INSERT = (
    "INSERT INTO users (mobile, name, status, created_at, last_login) VALUES ({mobile}, {name}, 'active', {now}, {now})"
)
PEOPLE = [("13800138000", "13800138000"), ("13900139000", "O'Neill; \u674e\u96f7"), ("13700137000", "Ada")]


_packages = itertools.count()


@pytest.fixture
def earlier_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a package of the migrations before REBUILDING."""
    folder = tmp_path / f"earlier_{next(_packages)}"
    folder.mkdir()
    for file in Path("models/migrations").glob("*.py"):
        if file.stem not in {REBUILDING, *LATER}:
            shutil.copy(file, folder)
    monkeypatch.syspath_prepend(tmp_path)
    return folder.name


@pytest.fixture
async def earlier(url: str, earlier_ones: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A database as it was before REBUILDING, with three people in it, of whom the newest is gone again."""
    async with opened(url) as database:
        with monkeypatch.context() as patch:
            patch.setitem(database.config["apps"][APP], "migrations", earlier_ones)
            await database.migrate()
        for mobile, name in PEOPLE:
            await add(database, mobile, name)
        await database.rows("DELETE FROM users WHERE id = 3", [])
        yield database


async def add(database: Database, mobile: str | None, name: str) -> None:
    quoted = ["NULL" if text is None else "'{}'".format(text.replace("'", "''")) for text in (mobile, name)]
    await database.rows(INSERT.format(mobile=quoted[0], name=quoted[1], now="CURRENT_TIMESTAMP"), [])


async def people(database: Database) -> list[dict[str, Any]]:
    return await database.rows("SELECT * FROM users ORDER BY id", [])


async def test_people_stay_as_they_are_and_may_then_be_without_a_number(earlier: Database) -> None:
    before = await people(earlier)
    assert [row["id"] for row in before] == [1, 2]
    with pytest.raises(IntegrityError):
        await add(earlier, None, "nobody")
    assert await earlier.migrate() == [REBUILDING, *LATER]
    assert await people(earlier) == before
    for name in ("one", "two"):  # of whom neither is in the other's way
        await add(earlier, None, name)
    with pytest.raises(IntegrityError):
        await add(earlier, PEOPLE[0][0], "twice")


async def test_an_id_that_was_given_out_once_is_nobody_elses(earlier: Database) -> None:
    await earlier.rows("DELETE FROM users", [])
    await earlier.migrate()
    await add(earlier, *PEOPLE[0])
    assert (await people(earlier))[0]["id"] >= 4


async def test_what_an_operator_has_added_stays(earlier: Database) -> None:
    await earlier.rows("CREATE INDEX mine ON users (last_login)", [])
    await earlier.rows("CREATE VIEW active AS SELECT id FROM users WHERE status = 'active'", [])
    names = "SELECT {} AS name FROM {} WHERE tablename = 'users'"
    if not earlier.is_postgres:
        names = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'users'"
    indexes = names.format("indexname", "pg_indexes")
    before = await earlier.rows(indexes, [])
    assert {"mine", "users_named"} < {row["name"] for row in before}
    await earlier.migrate()
    assert sorted(row["name"] for row in await earlier.rows(indexes, [])) == sorted(row["name"] for row in before)
    assert [row["id"] for row in await earlier.rows("SELECT id FROM active ORDER BY id", [])] == [1, 2]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # PostgreSQL has one statement to do
async def test_a_migration_that_breaks_off_leaves_all_as_it_was_and_is_done_again(
    earlier: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, migration = await people(earlier), import_module(f"models.migrations.{REBUILDING}")
    for place in range(len(migration.COPY) + 1):
        with monkeypatch.context() as patch:
            patch.setattr(migration, "COPY", (*migration.COPY[:place], "SELECT 1 FROM nowhere"))
            with pytest.raises(ServiceUnavailable):
                await earlier.migrate()
        assert await people(earlier) == before
        assert await earlier.pending() == [REBUILDING, *LATER]
        with pytest.raises(IntegrityError):
            await add(earlier, None, "nobody")
    await earlier.migrate()
    assert await people(earlier) == before
