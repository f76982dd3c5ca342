"""The connection to Redis: one pool per worker, time limits, atomic scripts, and what counts as "cannot be reached".

Nothing is repeated by redis-py itself. `read` and a script that says so are repeated here after a broken connection,
because running them twice does no harm; all else fails at once and the caller decides. The time limit holds for all of
it: the wait for a free connection, connecting, the answer, and the repeats. Where a request has less time left, that.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path
from typing import Any

from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    ClusterError,
    ConnectionError,  # noqa: A004 - redis-py's own name; the built-in is not used here
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TimeoutError,  # noqa: A004 - as above
    TryAgainError,
)

from service import deadline
from service.errors import ServiceUnavailable
from service.stores import clients
from service.stores.meter import Meter, Observe, ignore, timed
from settings import redis_url

LUA = Path(__file__).parent / "lua"
UNREACHABLE = (
    ConnectionError,
    TimeoutError,
    ClusterError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,  # no node answers
    TryAgainError,
    OSError,
)
# Answers of a server that is up but cannot do its work now (disk full, no replica, busy). Redis 6.2 wraps those that a
# script gets: "Error running script ...: -OOM ...".
UNABLE = re.compile(r"(^|-)(MISCONF|NOREPLICAS|BUSY|LOADING|OOM|READONLY|MASTERDOWN|NOPERM)\b")
RETRIES = 2

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Script:
    """One atomic operation, in one file. `repeatable`: running it twice does what running it once does."""

    name: str
    repeatable: bool
    source: str = field(init=False, repr=False)
    sha: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        source = (LUA / f"{self.name}.lua").read_text(encoding="utf-8")
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "sha", sha1(source.encode(), usedforsecurity=False).hexdigest())


class Connection:
    """What the stores speak to Redis through. Raises ServiceUnavailable where Redis cannot be reached or cannot serve.

    `url` is a redis-py URL, `timeout` is in seconds and holds for connecting, for waiting on the pool, and for each
    operation; `pool_size` is the most connections opened; `observe` is told of every operation.
    """

    def __init__(self, url: str, *, timeout: float, pool_size: int, observe: Observe = ignore) -> None:
        self.meter = Meter(pool_size, observe)
        self.redis, self._close = clients.client(url, timeout=timeout, pool_size=pool_size)
        # The other pools make the next caller wait by themselves.
        self._places = asyncio.Semaphore(pool_size) if redis_url.is_cluster(url) else nullcontext()
        self._timeout = timeout
        self._retry = Retry(
            ExponentialWithJitterBackoff(base=0.01, cap=0.1), RETRIES, supported_errors=(ConnectionError,)
        )

    @timed(lambda command: command)
    async def read(self, command: str, *arguments: str) -> Any:
        """One command that changes nothing, repeated after a broken connection."""
        return await self._repeated(lambda: self.redis.execute_command(command, *arguments))  # type: ignore[no-untyped-call]

    @timed(lambda script: script.name)
    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """One script, by its digest; sent whole where the server does not know it (a restart, a failover)."""

        async def call() -> Any:
            try:
                return await self.redis.evalsha(script.sha, len(keys), *keys, *arguments)
            except NoScriptError:
                return await self.redis.eval(script.source, len(keys), *keys, *arguments)

        return await (self._repeated(call) if script.repeatable else self._told(call))

    @timed(lambda _: "limits")
    async def ask(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """What another library asks on our connections, under the same time limit and told in the same way."""
        return await self._told(call)

    @timed(lambda _: "DEL")
    async def delete(self, key: str, *keys: str) -> int:
        """Delete keys of one slot. How many there were."""
        return int(await self._repeated(lambda: self.redis.delete(key, *keys)))

    async def ping(self) -> None:
        """Return if Redis answers."""
        await self.read("PING")

    async def close(self) -> None:
        """Close every connection."""
        await self._close()

    async def _repeated(self, call: Callable[[], Awaitable[Any]]) -> Any:
        return await self._told(lambda: self._retry.call_with_retry(call, _note))

    async def _told(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Make the call under the time limit, telling every way of being out of reach as ServiceUnavailable."""
        try:
            async with asyncio.timeout(deadline.left(self._timeout)), self._places:
                return await call()
        except UNREACHABLE as error:
            log.warning("redis cannot be reached: %s", type(error).__name__)
            raise ServiceUnavailable from error
        except RedisError as error:
            if found := UNABLE.search(str(error)):
                log.warning("redis cannot serve: %s", found[2])
                raise ServiceUnavailable from error
            raise


def milliseconds(seconds: float) -> int:
    """As Redis takes times."""
    return round(seconds * 1000)


async def _note(error: Exception) -> None:
    log.debug("redis: trying again after %s", type(error).__name__)
