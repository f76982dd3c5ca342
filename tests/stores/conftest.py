"""An empty database of each kind, and an empty Redis of each kind."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import RedisCluster

from service.errors import ServiceUnavailable
from service.stores.database import Database
from service.stores.redis import client
from service.stores.redis.connection import Connection
from tests import postgres_servers, topologies
from tests.postgres_servers import Server

SOON = 5.0  # seconds: the time-outs of the tests, and what a busy machine takes
KINDS = {
    "embedded": "redis_server",
    "one server": "single_redis",
    "sentinel": "sentinel_redis",
    "cluster": "cluster_redis",
    "packaged with TLS": "secure_redis",
}
# Reached otherwise, and then asked the same as one server: not at each `make test`.
ASKED_THE_SAME = ("sentinel", "packaged with TLS")
EACH = [pytest.param(kind, marks=pytest.mark.slow) if kind in ASKED_THE_SAME else kind for kind in KINDS]


@dataclass(frozen=True)
class Place:
    """A kind of Redis, its URL for Latch, and that for somebody who may do everything."""

    kind: str
    url: str
    administrators: str


@contextmanager
def unavailable_soon() -> Iterator[None]:
    """What is asked of a store fails, and within `SOON`."""
    start = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        yield
    assert time.monotonic() - start < SOON


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A database that is opened, and closed in the end."""
    database = Database(url, timeout=10, pool_size=5)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture(scope="session")
def single_redis() -> Iterator[str]:
    with topologies.single() as url:
        yield url


@pytest.fixture(scope="session")
def secure_redis() -> Iterator[str]:
    with topologies.certified() as certificates, topologies.single(certificates) as url:
        yield url


@pytest.fixture(scope="session", params=EACH)
def place(request: pytest.FixtureRequest) -> Place:
    """Each kind of Redis in turn. All but the embedded one hold Latch to deploy/redis/latch.acl."""
    url = str(request.getfixturevalue(KINDS[request.param]))
    return Place(request.param, url if request.param == "embedded" else topologies.as_latch(url), url)


@pytest.fixture
async def redis(place: Place, loop: Any) -> AsyncIterator[Any]:
    """A client of an empty Redis that may do everything; of what it answers redis-py says too little."""
    found, close = client.client(place.administrators, timeout=10, pool_size=10)
    await on_every_server(found, "FLUSHALL")
    yield found
    await close()


async def on_every_server(redis: Any, *command: str) -> list[Any]:
    """What each master answers to a command without a key."""
    if not isinstance(redis, RedisCluster):
        return [await redis.execute_command(*command)]
    await redis.initialize()
    return [await redis.execute_command(*command, target_nodes=node) for node in redis.get_primaries()]


async def keys_of(redis: Any) -> set[str]:
    """The names of all keys, on whatever server they are."""
    return {key.decode() for names in await on_every_server(redis, "KEYS", "*") for key in names}


@pytest.fixture
async def connection_of_latch(place: Place, redis: Any) -> AsyncIterator[Connection]:
    """What the stores use of it."""
    connection = Connection(place.url, timeout=10)
    yield connection
    await connection.close()


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path, loop: object) -> str:
    """Where an empty database is."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path / 'latch.sqlite3'}"
    address: str = request.getfixturevalue("postgres")
    connection = await asyncpg.connect(address)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    return address


@pytest.fixture
async def migrated(url: str) -> AsyncIterator[Database]:
    """An empty database of each kind, brought up to date."""
    async with opened(url) as database:
        await database.migrate()
        yield database


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL of its own port, whose roles and settings tests may change and put back."""
    with postgres_servers.server() as running:
        yield running
