"""The connection to the database, by Tortoise: its life, its migrations, its time limits, and what makes it 503."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import copy_context
from typing import Any, TypeVar

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor

from service.runtime import deadline
from service.stores.database_errors import (
    DRIVERS,
    GOES_AWAY,
    MIXED_UP,
    READ_ONLY,
    DatabaseUnavailable,
    TakesNoWrites,
    describe,
    is_finding,
    is_lost,
    sqlstate,
)
from service.stores.first_connection import FirstConnection
from service.stores.meter import Meter, Observe, ignore, timed
from service.stores.tortoise_config import APP, CONNECTION, config, connect_timeout, sqlite_file

HUNG = 0.4  # seconds after which a statement that its caller gives up is taken for one that will not be answered
WRITABLE = "SELECT current_setting('transaction_read_only') <> 'on' AS writable"
DENIED = """
    SELECT privilege FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
    WHERE NOT has_table_privilege('users', privilege)
"""

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class Database:
    """One pool (PostgreSQL) or one connection (SQLite) per worker. Connects at the first statement.

    `timeout` in seconds holds for connecting and for each statement; `observe` is told of each. Raises
    DatabaseUnavailable where it cannot be reached or cannot serve.
    """

    def __init__(self, url: str, *, timeout: float, pool_size: int, observe: Observe = ignore) -> None:
        self.meter = Meter(1 if url.startswith("sqlite") else pool_size, observe)
        self.config = config(url, timeout=timeout, pool_size=pool_size)
        self.timeout = timeout
        self._connect_timeout = connect_timeout(url, timeout)
        self._context = TortoiseContext()
        self._file = sqlite_file(url)
        self._first = FirstConnection(self._connect)

    async def open(self) -> None:
        """Load the models. Does not connect yet, so that a worker starts while the database is away."""
        with self._context:
            await self._context.init(config=self.config)
            self._inside = copy_context()

    @property
    def client(self) -> BaseDBAsyncClient:
        """Tortoise's client of this database, for `using_db`."""
        return self._context.connections.get(CONNECTION)

    @property
    def is_postgres(self) -> bool:
        """Whether placeholders are `$1` rather than `?`."""
        return self.client.capabilities.dialect == "postgres"

    async def within(self, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do database work under the time limit. What it says but for a finding is DatabaseUnavailable."""

        async def done() -> Answer:
            return await work()

        began = time.monotonic()
        try:
            if not self._first.is_made:
                await deadline.bounded(self._first.made(), deadline.remaining(self._connect_timeout))
            return await deadline.bounded(done(), deadline.remaining(self.timeout))
        except DRIVERS as error:
            raise await self._failed(error, began) from error
        except asyncio.CancelledError:
            if time.monotonic() - began > HUNG:
                self._distrust(began)
            raise

    @timed(lambda statement: statement.split(maxsplit=1)[0].upper())
    async def rows(self, statement: str, values: Sequence[object]) -> list[dict[str, Any]]:
        """Run one statement and return its rows. It commits by itself: a cancelled one leaves nothing open."""
        return await self.within(lambda: self.client.execute_query_dict(statement, list(values)))

    @timed(lambda _: "query")
    async def query(self, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """Run a query of Tortoise's models, made by `make`.

        Tortoise finds its connections by a context variable, and a Sanic handler's task has none of those that were
        set when the server started: so the query gets a task of its own, in the context that was kept.
        """

        async def run() -> Answer:
            return await make()

        return await self.within(lambda: asyncio.create_task(run(), context=self._inside.copy()))

    async def ping(self) -> None:
        """Return if the database answers and, for all that it says of itself, takes writes."""
        began = time.monotonic()
        [row] = await self.rows(WRITABLE if self.is_postgres else "SELECT 1 AS writable", [])
        if not row["writable"]:
            error = TakesNoWrites()
            raise await self._failed(error, began) from error

    async def pending(self) -> list[str]:
        """The names of the migrations that are not applied yet."""
        await self.ping()  # Tortoise takes a database that does not answer for one without migrations
        if self.is_postgres:  # and one that does not let us look
            [row] = await self.rows("SELECT to_regclass('tortoise_migrations')::text AS there", [])
            if row["there"]:
                await self.rows("SELECT 1 FROM tortoise_migrations LIMIT 1", [])
        with self._context:
            steps = await self.within(self._executor().plan)
        return [step.migration.name for step in steps if not step.backward]

    async def denied(self) -> list[str]:
        """What this role may not do with the users, of what is needed: names of privileges."""
        rows = await self.rows(DENIED, []) if self.is_postgres else []
        return [row["privilege"] for row in rows]

    async def migrate(self) -> list[str]:
        """Apply every pending migration and return their names. Takes as long as it takes."""
        done = await self.pending()
        began = time.monotonic()
        try:
            with self._context:
                await self._executor().migrate(direction="forward")
        except DRIVERS as error:
            raise await self._failed(error, began) from error
        return done

    async def close(self) -> None:
        """Close every connection."""
        await self._first.forget(self.timeout)
        try:
            await self._context.close_connections()
        except OSError as error:
            log.warning("the database was gone before its connections were closed: %s", type(error).__name__)

    async def _connect(self) -> None:
        if (
            self._file is not None
        ):  # a thread of aiosqlite's that failed to open it reports its end, maybe to a loop that is closed
            await asyncio.to_thread(_open_once, self._file)
        await self.client.create_connection(with_db=True)

    @property
    def _pool(self) -> Any:
        """The client again, where it is a PooledClient; its module cannot be imported without asyncpg."""
        return self.client if self.is_postgres else None

    async def _failed(self, error: Exception, began: float) -> Exception:
        """What to raise for an error of the driver's; and what else in the pool is as bad as this connection goes."""
        if is_finding(error):
            return error
        log.warning("the database cannot serve: it %s", describe(error))
        code = sqlstate(error)
        if (pool := self._pool) and (code in {READ_ONLY, *MIXED_UP} or code.startswith(GOES_AWAY)):
            await pool.renew(began, mixes_statements=code in MIXED_UP)
        elif is_lost(error):
            self._distrust(began)
        return DatabaseUnavailable()

    def _distrust(self, began: float) -> None:
        """Drop what rests in the pool since before this moment: something that began then has hung."""
        if pool := self._pool:
            pool.drop_stale(began)

    def _executor(self) -> MigrationExecutor:
        return MigrationExecutor(self.client, {APP: self.config["apps"][APP]})


def _open_once(file: str) -> None:
    """Raises sqlite3.Error where the file can be neither opened nor made."""
    sqlite3.connect(file).close()
