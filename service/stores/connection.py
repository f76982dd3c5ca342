"""The connection to Redis: time limits, atomic scripts, repeats, and what counts as "cannot be reached".

Commands that callers ask for at the same time go out together (`lines.py`). `read` and a script that says so are
repeated after a broken connection, because running them twice does no harm; all else fails at once and the caller
decides. The time limit holds for all of it: the wait for one's turn, connecting, the answer, and the repeats. Where a
request has less time left, that.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path
from time import perf_counter
from typing import Any

from redis.exceptions import (
    ClusterError,
    ConnectionError,  # noqa: A004 - redis-py's own name; the built-in is not used here
    NoPermissionError,
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
from service.stores.lines import MGET, Command
from service.stores.meter import OK, UNAVAILABLE, Meter, Observe, ignore, timed

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

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Script:
    """One atomic operation, in one file. `repeatable`: running it twice does what running it once does.

    `source` is given only where it is not the file of that name.
    """

    name: str
    repeatable: bool
    source: str = field(default="", repr=False)
    sha: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        source = self.source or (LUA / f"{self.name}.lua").read_text(encoding="utf-8")
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "sha", sha1(source.encode(), usedforsecurity=False).hexdigest())


class Connection:
    """What the stores speak to Redis through. Raises ServiceUnavailable where Redis cannot be reached or cannot serve.

    `url` is a redis-py URL, `timeout` is in seconds and holds for each operation as a whole; `observe` is told of every
    operation. `redis` is redis-py's client, for what is asked now and then.
    """

    def __init__(self, url: str, *, timeout: float, observe: Observe = ignore) -> None:
        self.redis, self._close = clients.client(url, timeout=timeout)
        self._lines = clients.lines(self.redis, timeout=timeout)
        self.meter = Meter(self._lines.count, observe)
        self._timeout = timeout

    @timed(lambda command: command)
    async def read(self, command: str, *arguments: str) -> Any:
        """One command that changes nothing, repeated after a broken connection."""
        return await self._sent(Command(arguments[0] if arguments else "", (command, *arguments), repeatable=True))

    async def values(self, *keys: str) -> list[bytes | None]:
        """The values of keys of one slot: one MGET, shared with those who ask at the same time.

        Timed here: this is what a token check costs, and a decorator would be felt.
        """
        meter, began, outcome = self.meter, perf_counter(), ""
        meter.enter()
        try:
            asked = self._lines.ask(Command(keys[0], (MGET, *keys), repeatable=True), deadline.left(self._timeout))
            found: list[bytes | None] = await self._told(asked)
            outcome = OK
        except ServiceUnavailable:
            outcome = UNAVAILABLE
            raise
        finally:
            meter.leave()
            if outcome:
                meter.observe(MGET, outcome, perf_counter() - began)
        return found

    @timed(lambda script: script.name)
    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """One script, by its digest; sent whole where the server does not know it (a restart, a failover)."""
        rest = (len(keys), *keys, *arguments)
        command = Command(
            keys[0],
            ("EVALSHA", script.sha, *rest),
            repeatable=script.repeatable,
            whole=("EVAL", script.source, *rest),
        )
        return await self._sent(command)

    @timed(lambda command: command)
    async def write(self, command: str, key: str, *arguments: str) -> Any:
        """One command that must not be done twice."""
        return await self._sent(Command(key, (command, key, *arguments), repeatable=False))

    @timed(lambda _: "DEL")
    async def delete(self, key: str, *keys: str) -> int:
        """Delete keys of one slot. How many there were."""
        return int(await self._sent(Command(key, ("DEL", key, *keys), repeatable=True)))

    @timed(lambda _: "survey")
    async def ask(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """What is asked through `redis`, under the same time limit and told in the same way."""

        async def limited() -> Any:
            async with asyncio.timeout(deadline.left(self._timeout)):
                return await call()

        return await self._told(limited())

    async def ping(self) -> None:
        """Return if Redis answers."""
        await self.read("PING")

    async def close(self) -> None:
        """Close every connection."""
        await self._lines.close()
        await self._close()

    async def _sent(self, command: Command) -> Any:
        return await self._told(self._lines.ask(command, deadline.left(self._timeout)))

    async def _told(self, answer: Awaitable[Any]) -> Any:
        """The answer, telling every way of being out of reach as ServiceUnavailable."""
        try:
            return await answer
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
