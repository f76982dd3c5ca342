"""What one failure tells of the other connections: forgotten ones, a server that takes no writes, several hosts."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from service.errors import ServiceUnavailable
from service.stores.asyncpg_client import KEEP_ALIVE, keep_alive
from service.stores.database import Database
from service.stores.database_errors import describe
from service.stores.users import UserStore
from tests import postgres_servers
from tests.postgres_servers import Server
from tests.stores.flaky_proxy import FlakyProxy

pytestmark = pytest.mark.slow

TIMEOUT = 1.0  # seconds
CONNECTIONS = 10
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PID = "SELECT pg_backend_pid() AS pid"


@asynccontextmanager
async def behind(proxy: FlakyProxy, where: str, pool_size: int = CONNECTIONS) -> AsyncIterator[Database]:
    """A migrated database that is reached through a proxy. `where` is what comes after the port."""
    async with proxy.running() as address:
        database = Database(
            f"{address.replace('redis://', 'postgres://')}{where}", timeout=TIMEOUT, pool_size=pool_size
        )
        await database.open()
        await database.migrate()
        yield database
        await database.close()


@asynccontextmanager
async def proxied(url: str, pool_size: int = CONNECTIONS) -> AsyncIterator[tuple[Database, FlakyProxy]]:
    folder = parse_qs(urlsplit(url).query)["host"][0]
    proxy = FlakyProxy(f"{folder}/.s.PGSQL.5432")
    async with behind(proxy, "/postgres?user=postgres", pool_size) as database:
        yield database, proxy


async def fill(database: Database, count: int = CONNECTIONS) -> None:
    await asyncio.gather(*(database.rows("SELECT pg_sleep(0.2)", []) for _ in range(count)))


async def unavailable(database: Database) -> None:
    with pytest.raises(ServiceUnavailable):
        await database.ping()


# --- Connections that a firewall has forgotten ------------------------------------------------------------------------


async def test_of_ten_forgotten_connections_the_first_failure_is_the_last(postgres: str) -> None:
    async with proxied(postgres) as (database, proxy):
        await fill(database)
        assert proxy.connections >= CONNECTIONS
        proxy.forget()
        await unavailable(database)
        start = time.monotonic()
        await asyncio.gather(*(database.ping() for _ in range(CONNECTIONS - 1)))
        assert time.monotonic() - start < TIMEOUT


async def test_the_only_connection_of_a_pool_is_replaced_soon_after_it_was_forgotten(postgres: str) -> None:
    async with proxied(postgres, pool_size=1) as (database, proxy):
        proxy.forget()
        await unavailable(database)
        await database.ping()


async def test_a_caller_who_gives_up_on_a_forgotten_connection_leaves_none_to_the_next(postgres: str) -> None:
    async with proxied(postgres) as (database, proxy):
        await fill(database)
        proxy.forget()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(TIMEOUT / 2):  # as readiness does
                await database.ping()
        await asyncio.gather(*(database.ping() for _ in range(CONNECTIONS - 1)))


async def test_logins_that_meet_forgotten_connections_together_all_succeed(postgres: str) -> None:
    async with proxied(postgres) as (database, proxy):
        users = UserStore(database)
        await fill(database)
        proxy.forget()
        people = await asyncio.gather(*(users.log_in(f"137{n:08}", NOW) for n in range(20)))
        assert len({user.id for user in people}) == 20


async def test_a_slow_statement_costs_no_connection_that_has_answered_meanwhile(postgres: str) -> None:
    async with proxied(postgres, pool_size=2) as (database, _):
        await fill(database, 2)
        slow = asyncio.create_task(database.rows("SELECT pg_sleep(30)", []))
        await asyncio.sleep(0.05)
        [before] = await database.rows(PID, [])
        with pytest.raises(ServiceUnavailable):
            await slow
        assert before in [(await database.rows(PID, []))[0] for _ in range(3)]


async def test_a_connection_asks_by_itself_whether_the_other_end_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as wire:
        keep_alive(wire)
        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        there = {getattr(socket, name): value for name, value in KEEP_ALIVE.items() if hasattr(socket, name)}
        assert {option: wire.getsockopt(socket.IPPROTO_TCP, option) for option in there} == there


# --- A server that takes no writes any more ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demoted() -> object:
    """A server beside `postgres_server` with the same people, that takes no writes."""
    with postgres_servers.server() as server:
        yield server


async def migrated(server: Server) -> None:
    database = Database(server.url, timeout=10, pool_size=1)
    await database.open()
    await database.migrate()
    await database.close()


@pytest.fixture
async def pair(postgres_server: Server, demoted: Server, loop: object) -> AsyncIterator[tuple[Server, Server]]:
    """One that takes writes, and one that can be told not to."""
    for server in (postgres_server, demoted):
        server.sql("DROP SCHEMA public CASCADE", "CREATE SCHEMA public AUTHORIZATION latch", database="latch")
        await migrated(server)
    yield postgres_server, demoted
    demoted.set("default_transaction_read_only = off")


@pytest.mark.slow
@pytest.mark.parametrize("asks", ["login", "ping"])
async def test_after_a_failover_behind_one_name_the_next_login_finds_the_writer(
    pair: tuple[Server, Server], asks: str
) -> None:
    new, old = pair
    proxy = FlakyProxy(old.socket)
    async with behind(proxy, "/latch?user=latch&password=one") as database:
        users = UserStore(database)
        await fill(database)
        await asyncio.to_thread(old.set, "default_transaction_read_only = on")
        proxy.socket = new.socket
        with pytest.raises(ServiceUnavailable):
            await (users.log_in("13700000000", NOW) if asks == "login" else database.ping())
        await asyncio.gather(*(users.log_in(f"137{n:08}", NOW) for n in range(CONNECTIONS)))
    assert new.sql("SELECT count(*) FROM users", database="latch").strip() == "10"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["", "&target_session_attrs=read-write", "&target_session_attrs=primary"])
async def test_of_several_hosts_the_one_that_takes_writes_is_found(pair: tuple[Server, Server], target: str) -> None:
    writer, other = pair
    if "primary" not in target:
        await asyncio.to_thread(other.set, "default_transaction_read_only = on")
    hosts = f"host=127.0.0.1,127.0.0.1,127.0.0.1&port=1,{other.port},{writer.port}"
    database = Database(f"postgres://latch:one@/latch?{hosts}{target}", timeout=5, pool_size=3)
    await database.open()
    try:
        await UserStore(database).log_in("13700000000", NOW)
    finally:
        await database.close()


@pytest.mark.slow
async def test_a_host_that_does_not_answer_leaves_time_for_the_next(pair: tuple[Server, Server]) -> None:
    writer, _ = pair
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        place = f"127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{writer.port}"
        database = Database(f"postgres://latch:one@{place}/latch", timeout=2, pool_size=2)
        await database.open()
        await database.ping()
        start = time.monotonic()
        await fill(database, 2)
        assert time.monotonic() - start < 1  # the host that was fit comes first from now on
        await database.close()


@pytest.mark.slow
async def test_a_standby_that_is_promoted_is_found_after_one_failure(pair: tuple[Server, Server]) -> None:
    primary, _ = pair
    with postgres_servers.standby(primary) as replica:
        hosts = f"127.0.0.1:{replica.port},127.0.0.1:{primary.port}"
        database = Database(f"postgres://latch:one@{hosts}/latch", timeout=5, pool_size=5)
        await database.open()
        users = UserStore(database)
        await users.log_in("13700000001", NOW)
        await asyncio.to_thread(replica.promote)
        await asyncio.to_thread(primary.set, "default_transaction_read_only = on")  # as a proxy fences it off
        with suppress(ServiceUnavailable):
            await users.log_in("13700000002", NOW)
        await users.log_in("13700000003", NOW)
        await database.close()
        assert "13700000003" in replica.sql("SELECT mobile FROM users", database="latch")
        primary.set("default_transaction_read_only = off")


@pytest.mark.slow
async def test_a_standby_alone_answers_and_is_named_as_one(pair: tuple[Server, Server]) -> None:
    with postgres_servers.standby(pair[0]) as replica:
        database = Database(replica.url, timeout=5, pool_size=5)
        await database.open()
        with pytest.raises(ServiceUnavailable) as caught:
            await database.ping()
        assert describe(caught.value.__cause__) == "takes no writes: it is a standby, or set to read only (25006)"
        with pytest.raises(ServiceUnavailable):
            await UserStore(database).log_in("13700000001", NOW)
        await database.close()


@pytest.mark.slow
async def test_a_failover_between_the_hosts_of_a_url_costs_one_failure(pair: tuple[Server, Server]) -> None:
    new, old = pair
    database = Database(f"postgres://latch:one@127.0.0.1:{old.port},127.0.0.1:{new.port}/latch", timeout=5, pool_size=5)
    await database.open()
    users = UserStore(database)
    await users.log_in("13700000001", NOW)
    await asyncio.to_thread(old.set, "default_transaction_read_only = on")
    with suppress(ServiceUnavailable):
        await users.log_in("13700000002", NOW)
    await users.log_in("13700000003", NOW)
    await database.close()
    assert "13700000003" in new.sql("SELECT mobile FROM users", database="latch")
