"""What a real PostgreSQL says when it does not serve: 503 each, in a sentence, and over when it serves again."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError

from service.errors import ServiceUnavailable
from service.stores.database import Database
from service.stores.database_errors import describe
from tests.postgres_servers import Server
from tests.stores.conftest import opened

pytestmark = pytest.mark.slow

LOGIN = "INSERT INTO users (mobile, name, status, created_at, last_login) VALUES ('{}', 'n', 'active', now(), now())"


@pytest.fixture
async def database(postgres_server: Server, loop: Any) -> AsyncIterator[Database]:
    """Migrated, with one connection in its pool, and all as it was when the test is over."""
    fresh = ["DROP SCHEMA public CASCADE", "CREATE SCHEMA public AUTHORIZATION latch"]
    postgres_server.sql(*fresh, database="latch")
    async with opened(postgres_server.url) as database:
        await database.migrate()
        yield database
    postgres_server.set("default_transaction_read_only = off")


async def refusal(work: Awaitable[object]) -> str:
    """The sentence in which the database is told to be unavailable."""
    with pytest.raises(ServiceUnavailable) as caught:
        await work
    return describe(caught.value.__cause__)


def of_connecting(before: str) -> Callable[[Server], None]:
    def refuse(server: Server) -> None:
        server.sql(before)
        server.end_connections()

    return refuse


@pytest.mark.parametrize(
    ("refuse", "heal", "sentence"),
    [
        (
            of_connecting("ALTER ROLE latch PASSWORD 'two'"),
            "ALTER ROLE latch PASSWORD 'one'",
            "refuses the password (28P01)",
        ),
        (
            of_connecting("ALTER ROLE latch NOLOGIN"),
            "ALTER ROLE latch LOGIN",
            "lets this role not log in from here, or not without TLS (28000)",
        ),
        (
            of_connecting("ALTER ROLE latch CONNECTION LIMIT 0"),
            "ALTER ROLE latch CONNECTION LIMIT -1",
            "has no connection left for us (53300)",
        ),
        (
            of_connecting("ALTER DATABASE latch ALLOW_CONNECTIONS false"),
            "ALTER DATABASE latch ALLOW_CONNECTIONS true",
            "does not serve now (55000)",
        ),
    ],
    ids=["rotated password", "role that may not log in", "too many connections", "closed database"],
)
async def test_a_log_in_that_is_refused_is_unavailable_until_it_is_not(
    database: Database, postgres_server: Server, refuse: Callable[[Server], None], heal: str, sentence: str
) -> None:
    await asyncio.to_thread(refuse, postgres_server)
    try:
        await asyncio.sleep(0.05)  # for the hang-up to be heard
        assert await refusal(database.ping()) == sentence
    finally:
        await asyncio.to_thread(postgres_server.sql, heal)
    await database.ping()


@pytest.mark.parametrize(
    ("break_it", "heal", "sentence"),
    [
        ("ALTER TABLE users RENAME TO gone", "ALTER TABLE gone RENAME TO users", "lacks a table; type: latch migrate"),
        ("ALTER TABLE users RENAME name TO n", "ALTER TABLE users RENAME n TO name", "lacks a column; type: latch"),
        (
            "REVOKE INSERT ON users FROM latch",
            "GRANT INSERT ON users TO latch",
            "denies this role a permission (42501)",
        ),
    ],
    ids=["no table", "no column", "no permission"],
)
async def test_a_statement_that_is_refused_is_unavailable_until_it_is_not(
    database: Database, postgres_server: Server, break_it: str, heal: str, sentence: str
) -> None:
    await asyncio.to_thread(postgres_server.sql, break_it, database="latch")
    assert (await refusal(database.rows(LOGIN.format(1), []))).startswith(sentence)
    await asyncio.to_thread(postgres_server.sql, heal, database="latch")
    await database.rows(LOGIN.format(1), [])


@pytest.mark.parametrize(
    "code", ["25006", "40001", "40P01", "53100", "53200", "55P03", "57014", "57P01", "58030", "72000", "XX001", "ZZ999"]
)
async def test_whatever_else_it_says_is_unavailable_and_tells_the_code_alone(
    database: Database, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    caplog.set_level(logging.INFO, "tortoise.db_client")  # as it is in a service (observability/logs.py)
    statement = f"DO $$ BEGIN RAISE EXCEPTION 'of 13800138000' USING ERRCODE = '{code}'; END $$"
    assert code in await refusal(database.rows(statement, []))
    assert code in caplog.text
    assert "138" not in caplog.text
    await database.ping()


async def test_a_violated_constraint_is_no_fault_of_the_database(database: Database) -> None:
    await database.rows(LOGIN.format(1), [])
    with pytest.raises(IntegrityError):
        await database.rows(LOGIN.format(1), [])


async def test_a_server_that_takes_no_writes_is_named_before_anything_is_written(
    database: Database, postgres_server: Server
) -> None:
    await asyncio.to_thread(postgres_server.set, "default_transaction_read_only = on")
    for work in (database.ping, database.pending, database.migrate):
        assert await refusal(work()) == "takes no writes: it is a standby, or set to read only (25006)"
    assert "(25006)" in await refusal(database.rows(LOGIN.format(1), []))
    assert await database.rows("SELECT * FROM users", []) == []


async def test_a_role_that_may_not_read_the_migrations_is_not_told_to_migrate(
    database: Database, postgres_server: Server
) -> None:
    await asyncio.to_thread(postgres_server.sql, "REVOKE ALL ON tortoise_migrations FROM latch", database="latch")
    assert await refusal(database.pending()) == "denies this role a permission (42501)"


async def test_what_the_role_may_not_do_with_the_users_is_known(database: Database, postgres_server: Server) -> None:
    assert await database.denied() == []
    await asyncio.to_thread(postgres_server.sql, "REVOKE INSERT, UPDATE, DELETE ON users FROM latch", database="latch")
    assert await database.denied() == ["INSERT", "UPDATE", "DELETE"]


async def test_a_migration_without_permission_is_unavailable(database: Database, postgres_server: Server) -> None:
    emptied = ["DROP TABLE users, tortoise_migrations", "ALTER SCHEMA public OWNER TO postgres"]
    await asyncio.to_thread(postgres_server.sql, *emptied, "GRANT USAGE ON SCHEMA public TO latch", database="latch")
    assert await refusal(database.migrate()) == "denies this role a permission (42501)"


async def test_a_host_that_lets_nobody_in_from_here_says_so(postgres_server: Server) -> None:
    async with opened(postgres_server.url.replace("latch:one", "unwelcome:one")) as database:
        assert await refusal(database.ping()) == "lets this role not log in from here, or not without TLS (28000)"


async def test_a_server_without_tls_where_tls_is_asked_for_says_so(postgres_server: Server) -> None:
    async with opened(f"{postgres_server.url}?sslmode=require") as database:
        assert await refusal(database.ping()) == "offers no TLS, which sslmode asks for"


async def test_a_database_that_is_not_there_says_so(postgres_server: Server) -> None:
    async with opened(f"{postgres_server.url}?dbname=nowhere") as database:
        assert await refusal(database.ping()) == "has no database of this name (3D000)"


async def test_a_host_name_that_is_not_known_says_so() -> None:
    async with opened("postgres://u:p@no-such-host.invalid/d") as database:
        assert await refusal(database.ping()) == "has a host name that is not known"


async def test_what_the_url_sends_with_the_log_in_reaches_the_server(
    database: Database, postgres_server: Server
) -> None:
    sent = "application_name=latch&schema=people&options=-c%20statement_timeout%3D7s"
    async with opened(f"{postgres_server.url}?{sent}") as other:
        names = "application_name", "search_path", "statement_timeout"
        rows = await other.rows("SELECT current_setting(name) AS value FROM unnest($1::text[]) AS name", [names])
    assert [row["value"] for row in rows] == ["latch", "people", "7s"]


async def test_a_refusal_is_logged_without_a_password_or_a_stack_trace(
    database: Database, postgres_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(postgres_server.url.replace(":one@", ":hunter2@")) as other:
        await refusal(other.ping())
    assert "hunter2" not in caplog.text
    assert not [record for record in caplog.records if record.exc_info or record.levelno > logging.WARNING]
