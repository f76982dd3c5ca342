"""Tortoise's client for PostgreSQL with connections of our own: kept alive, to the right host, and dropped when stale.

Tortoise chooses by the word asyncpg in a module's name what it writes of migrations.
"""

import asyncio
import math
import socket
import time
from typing import Any
from weakref import WeakSet

import asyncpg
from asyncpg.exceptions import DuplicatePreparedStatementError, InvalidSQLStatementNameError
from tortoise.backends.asyncpg.client import AsyncpgDBClient

from settings.database_url import Postgres

CACHED_STATEMENTS = 100  # asyncpg's own
MIXED_UP = (DuplicatePreparedStatementError, InvalidSQLStatementNameError)
# Of each socket, where the system has them: an idle connection that a firewall has forgotten ends after 35 seconds.
KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 1, "TCP_USER_TIMEOUT": 5_000}
CANCEL_GRACE = 0.25  # seconds that a server gets to tell that it has cancelled a statement


class KeptConnection(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    """A connection that asks by itself whether the other end is there, and knows since when it rests or works."""

    __slots__ = ("is_idle", "since")

    def __init__(self, protocol: Any, transport: asyncio.BaseTransport, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        self.mark(is_idle=True)
        keep_alive(transport.get_extra_info("socket"))

    def mark(self, *, is_idle: bool) -> None:
        """It is taken out of its pool, or is back there after an answer."""
        self.is_idle, self.since = is_idle, time.monotonic()


def keep_alive(wire: socket.socket) -> None:
    """Have the system find out that the other end is gone, idle or not."""
    if wire.family != socket.AF_UNIX:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEP_ALIVE.items():
            if number := getattr(socket, name, None):
                wire.setsockopt(socket.IPPROTO_TCP, number, value)


class PooledClient(AsyncpgDBClient):
    """One pool. `place` says where to connect to, `timeout` is in seconds: to connect, and for each statement."""

    def __init__(self, *, place: Postgres, timeout: float, **rest: Any) -> None:
        super().__init__(**rest)
        self._place = place
        self._timeout = timeout
        self._hosts = list(place.places)  # the one that was fit last comes first
        self._mixes_statements = False
        self._connections: WeakSet[KeptConnection] = WeakSet()
        self._current: asyncpg.Pool | None = None
        self._renewed = -math.inf

    async def create_pool(self, **_: Any) -> asyncpg.Pool:
        """A pool with its first connection made. It keeps none for ever: firewalls forget what rests for long."""
        self._current = await asyncpg.create_pool(
            connect=self._connect,
            setup=_taken,
            reset=_returned,
            min_size=0,  # a floor would be restored in the background, with a traceback for each failure
            init_size=1,
            max_size=self.pool_maxsize,
            connection_class=KeptConnection,
        )
        return self._current

    def drop_stale(self, began: float) -> None:
        """Close what rests since before this moment (of `time.monotonic`) and may be as dead as what has just failed.

        A firewall forgets all that rests, and one failure is enough to know it. What has answered since is not touched.
        """
        for connection in tuple(self._connections):
            if connection.is_idle and connection.since < began:
                connection.terminate()
        asyncio.get_running_loop().call_later(CANCEL_GRACE, self._drop_overdue)

    async def renew(self, began: float, *, mixes_statements: bool = False) -> None:
        """Replace every connection, idle or not: their server takes no writes, goes away, or is behind a pooler.

        Not again for a statement that began before the last time: it had an old connection.
        """
        self._mixes_statements |= mixes_statements
        if self._current and began > self._renewed:
            self._renewed = time.monotonic()
            await self._current.expire_connections()  # those at work are closed when they come back
            self.drop_stale(math.inf)

    def _drop_overdue(self) -> None:
        """Close what works for longer than a statement may: nobody waits for it, and it holds a place in the pool."""
        for connection in tuple(self._connections):
            if not connection.is_idle and time.monotonic() - connection.since > self._timeout:
                connection.terminate()

    async def _connect(self, *_: Any, **fixed: Any) -> KeptConnection:
        """To the first host that is there and fit. Each gets its part of the time."""
        failure: Exception | None = None
        for host in tuple(self._hosts):
            try:
                connection = await self._connect_to(host, **fixed)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next host may be fit
                failure = error
            else:
                self._hosts.sort(key=lambda known, fit=host: known != fit)  # type: ignore[misc] # as above
                self._connections.add(connection)
                return connection
        raise asyncpg.InternalClientError("no host is fit") from failure

    async def _connect_to(self, host: tuple[str, int], **fixed: Any) -> KeptConnection:
        asked = self._place.statement_cache_size
        size = asked if asked is not None else 0 if self._mixes_statements else CACHED_STATEMENTS
        try:
            connection = await self._open(host, size, **fixed)
            if asked is not None or not size or not await _is_pooled(connection):
                return connection
            connection.terminate()
        except MIXED_UP:
            if asked is not None or not size:
                raise
        self._mixes_statements = True
        return await self._connect_to(host, **fixed)

    async def _open(self, host: tuple[str, int], statement_cache_size: int, **fixed: Any) -> KeptConnection:
        place = self._place
        opened: KeptConnection = await asyncpg.connect(
            host=host[0],
            port=host[1],
            user=place.user,
            password=place.password,
            database=place.database,
            ssl=place.tls,
            direct_tls=place.direct_tls,
            target_session_attrs=place.target,
            server_settings=place.settings,
            timeout=(place.connect_timeout or self._timeout) / len(self._hosts),
            command_timeout=self._timeout,
            statement_cache_size=statement_cache_size,
            **fixed,
        )
        return opened


async def _is_pooled(connection: KeptConnection) -> bool:
    """Whether a pooler stands between: it gives out process numbers of its own.

    Such a one may run each statement on another server connection, where the last one's name is unknown, or somebody
    else's. Asked so that it needs no name: what is known of the answer is how many rows it had.
    """
    mine = int(connection.get_server_pid())
    try:
        found = await connection.execute(f"SELECT 1 WHERE pg_backend_pid() = {mine}")
    except BaseException:
        connection.terminate()
        raise
    return bool(found != "SELECT 1")


async def _taken(connection: Any) -> None:
    connection.mark(is_idle=False)


async def _returned(connection: KeptConnection) -> None:
    """No statement of ours leaves anything in its session to be reset. asyncpg's own way is a second statement."""
    connection.mark(is_idle=True)


client_class = PooledClient  # by this name Tortoise looks for it
