"""The connection to the database, by Tortoise: its life, its migrations, and what counts as "cannot be reached"."""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import copy_context
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import TortoiseContext
from tortoise.exceptions import DBConnectionError, IntegrityError, OperationalError
from tortoise.migrations.executor import MigrationExecutor

from service.errors import ServiceUnavailable
from service.runtime import deadline
from service.stores.meter import Meter, Observe, ignore, timed

try:  # asyncpg is an extra; without it there is no PostgreSQL to fail
    from asyncpg import InterfaceError, InternalClientError, PostgresConnectionError
    from asyncpg.exceptions import InsufficientResourcesError, OperatorInterventionError

    POSTGRES_UNREACHABLE: tuple[type[Exception], ...] = (
        InterfaceError,
        InternalClientError,  # what asyncpg says when a connection is cut in the middle of a statement
        PostgresConnectionError,
        InsufficientResourcesError,
        OperatorInterventionError,
    )
except ImportError:  # pragma: no cover
    POSTGRES_UNREACHABLE = ()

UNREACHABLE: tuple[type[Exception], ...] = (
    TimeoutError,
    OSError,
    DBConnectionError,
    OperationalError,
    sqlite3.DatabaseError,
    *POSTGRES_UNREACHABLE,
)
APP = "models"
CONNECTION = "default"

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class Database:
    """One pool (PostgreSQL) or one connection (SQLite) per worker. Connects at the first statement.

    `timeout` in seconds holds for connecting and for each statement; `observe` is told of each. Raises
    ServiceUnavailable where the database cannot be reached or cannot serve.
    """

    def __init__(self, url: str, *, timeout: float, pool_size: int, observe: Observe = ignore) -> None:
        self.meter = Meter(1 if url.startswith("sqlite") else pool_size, observe)
        self.config = _config(url, timeout=timeout, pool_size=pool_size)
        self.timeout = timeout
        self._context = TortoiseContext()
        self._connecting: asyncio.Task[None] | None = None

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
        """Do database work under the time limit, telling every way of being out of reach as ServiceUnavailable."""

        async def connected() -> Answer:
            await self._connected()
            return await work()

        seconds = deadline.remaining(self.timeout)
        try:
            return await _answer(connected(), seconds)
        except UNREACHABLE as error:
            raise _unavailable(error) from error

    @timed(lambda statement: statement.split(maxsplit=1)[0].upper())
    async def rows(self, statement: str, values: Sequence[object]) -> list[dict[str, Any]]:
        """Run one statement and answer its rows. It commits by itself: a cancelled one leaves nothing open."""
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
        """Return if the database answers."""
        await self.rows("SELECT 1", [])

    async def pending(self) -> list[str]:
        """The names of the migrations that are not applied yet."""
        await self.ping()  # Tortoise takes a database that does not answer for one without migrations
        with self._context:
            steps = await self.within(self._executor().plan)
        return [step.migration.name for step in steps if not step.backward]

    async def migrate(self) -> list[str]:
        """Apply every pending migration and answer their names. Takes as long as it takes."""
        done = await self.pending()
        try:
            with self._context:
                await self._executor().migrate(direction="forward")
        except UNREACHABLE as error:
            raise _unavailable(error) from error
        return done

    async def close(self) -> None:
        """Close every connection."""
        if self._connecting:
            await asyncio.wait({self._connecting}, timeout=self.timeout)
        self._connecting = None
        try:
            await self._context.close_connections()
        except OSError as error:
            log.warning("the database was gone before its connections were closed: %s", type(error).__name__)

    async def _connected(self) -> None:
        """Connect, if that is still to be done, in a task that a caller who goes away does not cut off.

        Left to itself Tortoise connects while it holds a lock, and keeps the lock for ever if connecting fails or is
        cancelled: one client that hangs up during a worker's first statement would block the database for good.
        """
        if self._connecting is None or (self._connecting.done() and not _succeeded(self._connecting)):
            self._connecting = asyncio.create_task(self.client.create_connection(with_db=True))
            self._connecting.add_done_callback(_succeeded)  # looks at the failure, also when nobody waits any more
        connecting = self._connecting
        await asyncio.wait((connecting,))  # and no shield: since Python 3.14 that logs a failure that its caller missed
        connecting.result()

    def _executor(self) -> MigrationExecutor:
        return MigrationExecutor(self.client, {APP: self.config["apps"][APP]})


async def _answer(work: Coroutine[Any, Any, Answer], seconds: float) -> Answer:
    """The answer of `work`. Raises TimeoutError after `seconds`, though cutting the work off may take longer.

    asyncpg asks a server that hangs to cancel the statement, and waits as long again for it to do so.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(_succeeded)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
    if not task.done():
        raise TimeoutError
    return task.result()


def _succeeded(task: asyncio.Task[Any]) -> bool:
    return not task.cancelled() and task.exception() is None


def _unavailable(error: Exception) -> Exception:
    if isinstance(error, IntegrityError):  # a bug of ours, though Tortoise counts it among the operational errors
        return error
    log.warning("the database cannot serve: %s: %s", type(error).__name__, error)
    return ServiceUnavailable()


def _config(url: str, *, timeout: float, pool_size: int) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        engine = "tortoise.backends.sqlite"
        credentials: dict[str, Any] = {
            "file_path": unquote(url.removeprefix("sqlite://").partition("?")[0]),
            "busy_timeout": round(timeout * 1000),  # the other workers write to the same file
        }
    else:
        engine = "tortoise.backends.asyncpg"
        credentials = {
            "host": parts.hostname,
            "port": parts.port or 5432,
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "database": unquote(parts.path.lstrip("/")),
            "minsize": 1,
            "maxsize": pool_size,
            "timeout": timeout,
            "command_timeout": timeout,
            "reset": _nothing,
            **_options(parts.query),
        }
    return {
        "connections": {CONNECTION: {"engine": engine, "credentials": credentials}},
        "apps": {APP: {"models": ["models"], "default_connection": CONNECTION, "migrations": "models.migrations"}},
        "use_tz": True,
        "timezone": "UTC",
    }


async def _nothing(_connection: object) -> None:
    """Done when a connection goes back to its pool. No statement of ours leaves anything in its session to be reset.

    asyncpg's own way is a second statement after each.
    """


def _options(query: str) -> dict[str, str]:
    """The options of the URL, under asyncpg's names."""
    options = dict(parse_qsl(query))
    if "sslmode" in options:
        options["ssl"] = options.pop("sslmode")
    return options
