"""What is said first on a connection: in one round trip, and it may take longer than one answer."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from redis import Redis

from config import load
from service.commands.check_redis import of_redis
from service.commands.findings import Level
from service.errors import ServiceUnavailable
from service.stores.redis.connection import Connection
from service.stores.redis.scripts import Script
from service.stores.redis.server_info import survey
from tests import topologies
from tests.processes import free_port
from tests.stores.conftest import SOON
from tests.stores.redis.tcp_proxy import TcpProxy
from tests.stores.redis.test_connection import connected

pytestmark = pytest.mark.slow

FAR = 0.25  # seconds, one way
AS_SHIPPED = 1.0  # REDIS_TIMEOUT
SAY = Script("say", repeatable=True, source="return ARGV[1]")
LOGIN = f":{quote(topologies.PASSWORD)}@"


@pytest.fixture
def far(tmp_path: Path) -> Iterator[tuple[int, Redis]]:
    """A server with a password: its port, and a client of it."""
    port = free_port()
    with topologies.server(port, tmp_path, *topologies.LOGIN) as client:
        yield port, client


async def test_password_name_and_database_are_one_round_trip(far: tuple[int, Redis]) -> None:
    proxy = TcpProxy(far[0], delay=FAR)
    async with proxy.running() as port:
        connection = Connection(f"redis://{LOGIN}127.0.0.1:{port}/3?client_name=mine", timeout=SOON)
        began = time.monotonic()
        await connection.write("SET", "key", "value")
        assert time.monotonic() - began < 6 * FAR  # twice there and back, and what a busy machine takes
        assert "mine" in {client["name"] for client in far[1].client_list()}
        await connection.close()
    with Redis(port=far[0], password=topologies.PASSWORD, db=3) as third:
        assert third.get("key") == b"value"


async def test_a_server_a_quarter_of_a_second_away_is_reached_with_the_limit_as_it_ships(
    far: tuple[int, Redis],
) -> None:
    proxy = TcpProxy(far[0], delay=FAR)
    async with proxy.running() as port:
        connection = Connection(f"redis://{LOGIN}127.0.0.1:{port}/3", timeout=AS_SHIPPED)
        assert await eventually_said(connection) == b"it"
        opened = proxy.connections
        assert await connection.run(SAY, ["key"], ["again"]) == b"again"
        assert proxy.connections == opened
        await connection.close()


async def test_a_connection_that_takes_longer_than_a_caller_has_serves_the_next(far: tuple[int, Redis]) -> None:
    proxy = TcpProxy(far[0], delay=0.4)
    async with proxy.running() as port, connected(f"redis://{LOGIN}127.0.0.1:{port}", timeout=0.6) as connection:
        with pytest.raises(ServiceUnavailable):
            await connection.values("key")
        proxy.delay = 0.0
        await asyncio.sleep(0.4)
        assert await connection.values("key") == [None]
        assert proxy.connections == 1


async def test_a_connection_that_never_opens_is_given_up_and_another_made(far: tuple[int, Redis]) -> None:
    proxy = TcpProxy(far[0], delay=60)
    async with proxy.running() as port, connected(f"redis://{LOGIN}127.0.0.1:{port}", timeout=0.2) as connection:
        for _ in range(2):
            with pytest.raises(ServiceUnavailable):
                await connection.values("key")
        assert proxy.connections == 1
        proxy.delay = 0.0
        assert await eventually_read(connection) == [None]
        assert proxy.connections == 2


async def test_a_survey_of_a_server_far_away_tells_all(far: tuple[int, Redis]) -> None:
    proxy = TcpProxy(far[0], delay=FAR / 5)
    async with proxy.running() as port, connected(f"redis://{LOGIN}127.0.0.1:{port}/0", timeout=0.5) as connection:
        [[server], silent] = await survey(connection)
    assert silent == []
    assert server.version >= (6, 2)


@pytest.mark.parametrize(
    ("login", "rest", "told", "away"),
    [
        (":wrong@", "", "refuses the user or the password in REDIS_URL", True),
        ("nobody:wrong@", "", "refuses the user or the password in REDIS_URL", True),
        ("", "", "wants a password that REDIS_URL does not have", True),
        (LOGIN, "/99", "has no database of the number in REDIS_URL", False),
    ],
)
async def test_what_keeps_a_connection_from_opening_is_said_in_a_sentence(
    far: tuple[int, Redis], login: str, rest: str, told: str, *, away: bool
) -> None:
    [finding] = await found_at(f"redis://{login}127.0.0.1:{far[0]}{rest}")
    assert finding.level is Level.BAD
    assert told in finding.text
    assert finding.away is away
    assert "wrong" not in finding.text


async def test_a_password_where_none_is_wanted_is_told(tmp_path: Path) -> None:
    port = free_port()
    with topologies.server(port, tmp_path):
        [finding] = await found_at(f"redis://:hidden@127.0.0.1:{port}")
    assert "has no password for its default user" in finding.text


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis+cluster://{login}127.0.0.1:{port}", "is no Cluster: REDIS_URL should start with redis://"),
        ("redis+sentinel://127.0.0.1:{port}/latch?sentinel_password={password}", "is no Sentinel"),
    ],
)
async def test_one_server_is_told_from_many(far: tuple[int, Redis], url: str, told: str) -> None:
    password = quote(topologies.PASSWORD)
    [finding] = await found_at(url.format(login=LOGIN, port=far[0], password=password))
    assert told in finding.text


async def test_a_sentinel_that_watches_no_such_master_is_told(sentinel_redis: str) -> None:
    [finding] = await found_at(sentinel_redis.replace("/latch/", "/other/"))
    assert "is no Sentinel that knows the master in REDIS_URL" in finding.text


async def test_what_is_no_redis_is_told() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    hung_up = asyncio.Event()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    [finding] = await found_at(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await asyncio.wait_for(hung_up.wait(), SOON)
    server.close()
    assert "is no Redis, by what it answers" in finding.text


async def found_at(url: str) -> list[Any]:
    """What `check` says of Redis at this URL."""
    async with connected(url, timeout=SOON) as connection:
        return await of_redis(load(redis_url=url, code_pepper="x" * 32, _env_file=None), connection)


async def eventually_said(connection: Connection) -> object:
    for _ in range(5):  # a script that the server does not know yet takes two round trips
        with suppress(ServiceUnavailable):
            return await connection.run(SAY, ["key"], ["it"])
    raise AssertionError


async def eventually_read(connection: Connection) -> object:
    for _ in range(50):
        with suppress(ServiceUnavailable):
            return await connection.values("key")
    raise AssertionError
