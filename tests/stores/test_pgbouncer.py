"""A real PgBouncer before a real PostgreSQL, in each mode, with and without TLS."""

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from service.errors import ServiceUnavailable
from service.stores.database import Database
from service.stores.database_errors import describe
from service.stores.users import UserStore
from tests import postgres_servers
from tests.certificates import Certificates, make
from tests.stores.conftest import opened

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE = 10.0  # seconds
WORKERS = 3  # whose statements have the same names, since each counts by itself


@pytest.fixture
async def empty(postgres: str, loop: Any) -> str:
    connection = await asyncpg.connect(postgres)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    return postgres


async def log_in_sixty(url: str) -> set[int]:
    """By several workers at once, each person alone; then each is read again, by another worker."""
    databases = [Database(url, timeout=PATIENCE, pool_size=5) for _ in range(WORKERS)]
    for database in databases:
        await database.open()
    stores = [UserStore(database) for database in databases]
    users = await asyncio.gather(*(stores[n % WORKERS].log_in(f"137{n:08}", NOW) for n in range(60)))
    found = await asyncio.gather(*(stores[(n + 1) % WORKERS].get(user.id) for n, user in enumerate(users)))
    assert found == users
    for database in databases:
        await database.close()
    return {user.id for user in users}


@pytest.mark.parametrize("option", ["", "?statement_cache_size=0", "?pgbouncer=true", "?target_session_attrs=primary"])
async def test_of_sixty_logins_at_once_behind_pgbouncer_all_succeed(empty: str, option: str) -> None:
    with postgres_servers.pgbouncer(empty, "transaction") as url:
        async with opened(f"{url}{option}") as database:
            await database.migrate()
            assert await database.pending() == []
        assert len(await log_in_sixty(f"{url}{option}")) == 60


async def test_in_session_mode_it_is_as_good(empty: str) -> None:
    with postgres_servers.pgbouncer(empty, "session") as url:
        async with opened(url) as database:
            await database.migrate()
            users = UserStore(database)
            assert len({(await users.log_in(f"137{n:08}", NOW)).id for n in range(5)}) == 5


async def test_without_a_pooler_statements_are_prepared_once(empty: str) -> None:
    async with opened(empty) as database:
        for _ in range(3):
            await database.rows("SELECT 1 AS kept", [])
        prepared = await database.rows(
            "SELECT count(*) AS n FROM pg_prepared_statements WHERE statement LIKE '%kept'", []
        )
    assert prepared == [{"n": 1}]


async def test_behind_a_pooler_nothing_is_left_prepared(empty: str) -> None:
    with postgres_servers.pgbouncer(empty, "transaction") as url:
        async with opened(url) as database:
            await database.rows("SELECT 1 AS kept", [])
            assert await database.rows("SELECT * FROM pg_prepared_statements", []) == []


async def test_statements_that_a_pooler_mixes_up_are_unavailable_and_the_option_is_named(empty: str) -> None:
    with postgres_servers.pgbouncer(empty, "transaction") as url:
        async with (
            opened(f"{url}?statement_cache_size=100") as one,
            opened(f"{url}?statement_cache_size=100") as other,
        ):
            failures: list[object] = []
            for _ in range(5):  # the second time the statement is known on one of the server's three connections alone
                sleeping = (database.rows("SELECT pg_sleep(0.01)", []) for database in (one, other) * 5)
                failures += await asyncio.gather(*sleeping, return_exceptions=True)
    refused = [failure for failure in failures if isinstance(failure, BaseException)]
    assert refused
    assert all(isinstance(failure, ServiceUnavailable) for failure in refused)
    assert any("add statement_cache_size=0 to DATABASE_URL" in describe(failure.__cause__) for failure in refused)


async def test_what_pgbouncer_refuses_by_itself_is_unavailable(empty: str) -> None:
    with postgres_servers.pgbouncer(empty, "transaction") as url:
        for refused in (f"{url}?dbname=nowhere", f"{url}?schema=private"):
            async with opened(refused) as database:
                with pytest.raises(ServiceUnavailable) as caught:
                    await database.ping()
                assert "(" in describe(caught.value.__cause__)


# --- TLS, which the PostgreSQL of the tests does not speak, and PgBouncer does ----------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def secure(postgres: str, certificates: Certificates, tmp_path: Path) -> Iterator[str]:
    with postgres_servers.pgbouncer(postgres, "transaction", certificates) as url:
        yield url


def options(**values: object) -> str:
    return "?" + "&".join(f"{name}={quote(str(value))}" for name, value in values.items())


@pytest.mark.parametrize(
    ("mode", "host", "accepts"),
    [
        ("prefer", "localhost", True),
        ("require", "localhost", True),
        ("verify-ca", "localhost", True),
        ("verify-full", "127.0.0.1", True),
        ("verify-full", "localhost", False),  # the certificate is of 127.0.0.1
        ("disable", "127.0.0.1", False),
    ],
)
async def test_each_sslmode_asks_for_as_much_as_it_says(
    secure: str, certificates: Certificates, mode: str, host: str, *, accepts: bool
) -> None:
    authority = {"sslrootcert": certificates.authority} if mode.startswith(("require", "verify")) else {}
    url = secure.replace("127.0.0.1", host) + options(sslmode=mode, **authority)
    async with opened(url) as database:
        if accepts:
            await database.ping()
            return
        with pytest.raises(ServiceUnavailable) as caught:
            await database.ping()
    assert describe(caught.value.__cause__).startswith(
        "shows a certificate that does not hold: " if mode == "verify-full" else "broke the connection off"
    )


@pytest.mark.parametrize(
    "asked",
    [
        {"sslmode": "require", "channel_binding": "require"},  # as Neon hands it out: what cannot be kept is told
        {"sslmode": "require", "pgbouncer": "true", "connect_timeout": 15},  # as Vercel does
    ],
)
async def test_what_hosts_hand_out_is_served(secure: str, asked: dict[str, object]) -> None:
    async with opened(secure + options(**asked)) as database:
        await database.ping()


@pytest.mark.parametrize("asked", [{"sslmode": "verify-full"}, {"sslrootcert": "system"}])
async def test_an_authority_that_the_system_does_not_know_is_refused(secure: str, asked: dict[str, object]) -> None:
    async with opened(secure + options(**asked)) as database:
        with pytest.raises(ServiceUnavailable) as caught:
            await database.ping()
    assert describe(caught.value.__cause__).startswith("shows a certificate that does not hold: ")


async def test_a_certificate_of_ours_is_shown_where_it_is_named(
    secure: str, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    mine = {"sslcert": certificates.certificate, "sslkey": certificates.key}
    async with opened(secure + options(sslmode="require", **mine)) as database:
        await database.ping()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
