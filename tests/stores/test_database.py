"""Database on SQLite and on PostgreSQL: migrations, and what it says when it is away."""

import asyncio
import gc
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest
from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector

from config import SettingsError
from models import User
from models.tooling import TORTOISE
from service.errors import ServiceUnavailable
from service.stores import tortoise_config
from service.stores.database import Database
from service.stores.database_errors import describe
from tests.stores.conftest import SOON, opened, unavailable_soon

pytestmark = pytest.mark.slow

TIMEOUT = 0.2  # seconds
UNHURRIED = 0.8  # where something has to succeed in it too, on a busy machine
MIGRATIONS = sorted(path.stem for path in Path("models/migrations").glob("[0-9]*.py"))

USES: dict[str, Callable[[Database], Awaitable[object]]] = {
    "ping": lambda database: database.ping(),
    "rows": lambda database: database.rows("SELECT * FROM users", []),
    "query": lambda database: database.query(lambda: User.get_or_none(id=1)),
    "pending": lambda database: database.pending(),
    "migrate": lambda database: database.migrate(),
}


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with opened(url) as database:
        yield database


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """The port of a server that accepts every connection and says nothing."""
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    for writer in writers:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
    server.close()
    await server.wait_closed()


async def is_unavailable(url: str, use: str = "ping") -> None:
    database = Database(url, timeout=TIMEOUT, pool_size=10)
    await database.open()
    try:
        with unavailable_soon():
            await USES[use](database)
    finally:
        await database.close()
        await sqlite_threads_end()
        gc.collect()  # here, for what is left of it must not go while Tortoise parses source: gh-106905, as in conftest


async def sqlite_threads_end() -> None:
    """A connection that failed reports to its loop once more when its thread ends: the loop must still be there."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, SOON)


# --- Migrations -----------------------------------------------------------------------------------------------------


async def test_an_empty_database_lacks_every_migration(database: Database) -> None:
    assert await database.pending() == MIGRATIONS != []


async def test_migrating_applies_what_is_pending_and_says_so(database: Database) -> None:
    assert await database.migrate() == MIGRATIONS
    assert await database.pending() == []
    assert await database.rows("SELECT * FROM users", []) == []


async def test_migrating_again_applies_nothing_and_keeps_the_data(database: Database) -> None:
    await database.migrate()
    statement = "INSERT INTO users (mobile, name, status, created_at, last_login) VALUES ('1', '1', 'active', {0}, {0})"
    await database.rows(statement.format("CURRENT_TIMESTAMP"), [])
    assert await database.migrate() == []
    assert len(await database.rows("SELECT * FROM users", [])) == 1


async def test_another_process_sees_what_was_migrated(database: Database, url: str) -> None:
    await database.migrate()
    other = Database(url, timeout=5, pool_size=1)
    await other.open()
    assert await other.pending() == []
    await other.close()


async def test_the_migrations_make_what_the_models_say() -> None:
    config: dict[str, Any] = TORTOISE
    with TortoiseContext() as context:
        await context.init(config=config)
        assert context.apps
        changes = await MigrationAutodetector(context.apps, config["apps"]).changes()
        await context.close_connections()
    assert [change.operations for change in changes] == [], "type: make migration"


async def test_what_the_tooling_migrates_is_what_the_service_uses(tmp_path: Path) -> None:
    config = Database(f"sqlite://{tmp_path}/x", timeout=1, pool_size=1).config
    assert {name: config[name] for name in ("apps", "use_tz", "timezone")} == {
        name: TORTOISE[name] for name in ("apps", "use_tz", "timezone")
    }


# --- Use ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", USES)
async def test_every_use_works_from_a_task_that_knows_nothing_of_the_database(database: Database, use: str) -> None:
    await database.migrate()
    await asyncio.create_task(_of(USES[use](database)), context=Context())


async def _of(work: Awaitable[object]) -> None:
    await work


async def test_two_databases_can_be_used_side_by_side(database: Database, tmp_path: Path) -> None:
    other = Database(f"sqlite://{tmp_path / 'other.sqlite3'}", timeout=5, pool_size=1)
    await other.open()
    await database.migrate()
    assert await other.pending() == MIGRATIONS
    await database.ping()
    await other.close()
    await database.ping()


# --- Away -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", USES)
async def test_a_closed_port_is_unavailable(unused_port: int, use: str) -> None:
    await is_unavailable(f"postgres://latch:secret@127.0.0.1:{unused_port}/latch", use)


@pytest.mark.parametrize("use", USES)
async def test_a_folder_that_does_not_exist_is_unavailable(tmp_path: Path, use: str) -> None:
    await is_unavailable(f"sqlite://{tmp_path}/nowhere/latch.sqlite3", use)


@pytest.mark.parametrize("use", USES)
async def test_a_server_that_accepts_and_never_answers_is_unavailable(use: str) -> None:
    async with silent_server() as port:
        await is_unavailable(f"postgres://latch:secret@127.0.0.1:{port}/latch", use)


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "latch.sqlite3").write_text("no database " * 1000)
    await is_unavailable(f"sqlite://{tmp_path}/latch.sqlite3", "rows")


async def test_a_file_that_takes_no_writes_is_unavailable_and_says_so(tmp_path: Path) -> None:
    database = Database(f"sqlite://{tmp_path}/latch.sqlite3", timeout=UNHURRIED, pool_size=1)
    await database.open()
    await database.migrate()
    await database.rows("PRAGMA query_only = ON", [])  # root may write to any file
    with pytest.raises(ServiceUnavailable) as caught:
        await database.rows("DELETE FROM users", [])
    assert describe(caught.value.__cause__) == "takes no writes: its file or folder is read only"
    await database.close()


async def test_without_asyncpg_a_postgres_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tortoise_config, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match="DATABASE_URL: "):
        Database("postgres://h/d", timeout=1, pool_size=1)


async def test_a_database_without_its_tables_is_unavailable(url: str, database: Database) -> None:
    with unavailable_soon():
        await database.rows("SELECT * FROM users", [])
    await database.ping()


async def test_a_database_of_an_unknown_name_is_unavailable(request: pytest.FixtureRequest, loop: Any) -> None:
    url: str = request.getfixturevalue("postgres")
    await is_unavailable(url.replace("/postgres?", "/nowhere?"))


async def test_a_slow_statement_is_cut_off_and_the_next_one_works(request: pytest.FixtureRequest) -> None:
    database = Database(request.getfixturevalue("postgres"), timeout=UNHURRIED, pool_size=1)
    await database.open()
    with unavailable_soon():
        await database.rows("SELECT pg_sleep(30)", [])
    await database.ping()
    await database.close()


async def test_a_write_to_a_locked_file_is_cut_off_and_works_when_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "latch.sqlite3"
    database = Database(f"sqlite://{path}", timeout=UNHURRIED, pool_size=1)
    await database.open()
    await database.migrate()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with unavailable_soon():
            await database.rows("DELETE FROM users", [])
        other.execute("ROLLBACK")
    await database.rows("DELETE FROM users", [])
    await database.close()


async def test_a_folder_that_comes_back_is_used_again(tmp_path: Path) -> None:
    database = Database(f"sqlite://{tmp_path}/later/latch.sqlite3", timeout=UNHURRIED, pool_size=1)
    await database.open()
    for use in ("ping", "pending"):
        with unavailable_soon():
            await USES[use](database)
    (tmp_path / "later").mkdir()
    await database.migrate()
    assert await database.pending() == []
    await database.close()
    await sqlite_threads_end()


async def test_a_caller_who_goes_away_while_it_connects_does_not_block_the_next(url: str, tmp_path: Path) -> None:
    for turns in range(10):
        database = Database(url.replace("latch.sqlite3", f"{turns}.sqlite3"), timeout=5, pool_size=2)
        await database.open()
        caller = asyncio.create_task(database.ping())
        for _ in range(turns):
            await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        await database.ping()
        await database.close()


async def test_connections_that_the_server_cut_while_they_were_idle_are_replaced(
    request: pytest.FixtureRequest,
) -> None:
    url: str = request.getfixturevalue("postgres")
    database, operator = (Database(url, timeout=5, pool_size=3) for _ in range(2))
    await database.open()
    await operator.open()
    answers = await asyncio.gather(*(database.rows("SELECT pg_backend_pid() AS pid", []) for _ in range(3)))
    pids = [row["pid"] for [row] in answers]
    # The second number is how long to wait for the end of each, in milliseconds.
    await operator.rows("SELECT pg_terminate_backend(pid, 5000) FROM unnest($1::int[]) AS pid", [pids])
    await asyncio.sleep(0.05)  # for the hang-up to be heard
    await asyncio.gather(*(database.ping() for _ in range(3)))
    await database.close()
    await operator.close()


async def test_a_connection_that_nobody_waits_for_any_more_fails_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    async with silent_server() as port:
        database = Database(f"postgres://u:p@127.0.0.1:{port}/x", timeout=0.1, pool_size=1)
        await database.open()
        with pytest.raises(ServiceUnavailable):
            await database.ping()
        await database.close()
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio" and record.levelname == "ERROR"]
