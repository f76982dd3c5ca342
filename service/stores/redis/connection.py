"""The connection to Redis: time limits, atomic scripts, repeats, and what counts as "cannot be reached".

Commands that callers ask for at the same time go out together (`pipeline.py`). `read` and a script that says so are
repeated after a broken connection, because running them twice does no harm; all else fails at once and the caller
decides. The time limit holds for all of it: the wait for one's turn, connecting, the answer, and the repeats. Where a
request has less time left, that.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import (
    RedisError,
)

from service.errors import ServiceUnavailable
from service.runtime import deadline
from service.runtime.background import settled
from service.stores.meter import Meter, Observe, ignore
from service.stores.redis import client
from service.stores.redis.call import RedisCall
from service.stores.redis.commands import EVALSHA, MGET, Command
from service.stores.redis.refusals import keeps_keys_apart
from service.stores.redis.scripts import STOP_VALUES, Script, ScriptCall, chain_scripts

PROBE = "limit:probe"  # a key to see what can be done; deploy/redis/latch.acl allows its prefix
PING = Script("ping", repeatable=True)
ANSWERS = 16  # that a survey of a server may wait for, each as long as an operation may take

Node = Callable[..., Awaitable[Any]]  # takes a command and its arguments
SlotCall = tuple[Sequence[str], Sequence[str]]  # keys of one slot, and the arguments that go with them

log = logging.getLogger(__name__)


class Connection:
    """What the stores speak to Redis through. Each method but `ask` begins an operation and returns that.

    `url` is a redis-py URL, `timeout` is in seconds and holds for each operation as a whole; `observe` is told of every
    operation. `redis` is redis-py's client, for what is asked now and then. `joins`: as far as is known, one command
    takes keys of several slots.
    """

    def __init__(self, url: str, *, timeout: float, observe: Observe = ignore) -> None:
        self.redis, self._close = client.client(url, timeout=timeout)
        self._pipeline = client.pipeline(self.redis, timeout=timeout)
        self.meter = Meter(self._pipeline.count, observe)
        self._timeout = timeout
        self.joins = self._pipeline.joins

    def read(self, command: str, *arguments: str) -> RedisCall:
        """One command that changes nothing, repeated after a broken connection."""
        return self._begin(command, Command(arguments[0] if arguments else "", (command, *arguments), repeatable=True))

    def values(self, *keys: str) -> RedisCall:
        """The values of keys of one slot, as bytes or None: one MGET, shared with those who ask at the same time."""
        return self._begin(MGET, Command(keys[0], (MGET, *keys), repeatable=True))

    def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> RedisCall:
        """One script, by its digest; sent whole where the server does not know it (a restart, a failover)."""
        by_digest = (EVALSHA, script.sha, len(keys), *keys, *arguments)
        return self._begin(script.name, Command(keys[0], by_digest, script.repeatable, script.source))

    def run_ordered(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> RedisCall:
        """The same, sent whole: whatever is asked for after it is done after it.

        By its digest it would come after others of its batch where the server does not know it yet.
        """
        whole = ("EVAL", script.source, len(keys), *keys, *arguments)
        return self._begin(script.name, Command(keys[0], whole, script.repeatable))

    async def run_chain(self, steps: Sequence[ScriptCall]) -> list[Any]:
        """Run scripts one after the other, until one returns nothing or 0. Returns what those have answered that ran.

        All of it is one atomic operation and one round trip, but where Redis keeps keys apart, as a Cluster does: there
        each is one by itself. Whichever fails, those before it have been run.
        """
        if self.joins and len(steps) > 1:
            try:
                return list(await self.run(*chain_scripts(steps)))
            except ServiceUnavailable as error:
                self._learn(error)
        answers: list[Any] = []
        for step in steps:
            answers.append(await self.run(*step))
            if answers[-1] in STOP_VALUES:
                break
        return answers

    async def run_of_slots(self, script: Script, shared: Sequence[bytes], slots: Sequence[SlotCall]) -> list[Any]:
        """What a script returns, a list, for keys of several slots; `shared` comes before the arguments."""
        if self.joins:
            keys, arguments = ([part for slot in slots for part in slot[n]] for n in (0, 1))
            try:
                return list(await self.run(script, keys, [*shared, *arguments]))
            except ServiceUnavailable as error:
                self._learn(error)
        calls = (self.run(script, keys, [*shared, *arguments]) for keys, arguments in slots)
        return [answer for answers in await settled(*calls) for answer in answers]

    async def values_of_slots(self, slots: Sequence[Sequence[str]]) -> list[bytes | None]:
        """The values of keys of several slots, in their order."""
        groups = [[key for keys in slots for key in keys]] if self.joins and slots else slots
        return [value for values in await settled(*(self.values(*keys) for keys in groups)) for value in values]

    def _learn(self, error: ServiceUnavailable) -> None:
        """That keys are kept apart, if this says so. Raises it else."""
        if not (isinstance(error.__cause__, RedisError) and keeps_keys_apart(error.__cause__)):
            raise error
        log.warning("redis keeps keys apart, as a Cluster does: what could go in one step takes several")
        self.joins = False

    def write(self, command: str, key: str, *arguments: str) -> RedisCall:
        """One command that must not be done twice."""
        return self._begin(command, Command(key, (command, key, *arguments), repeatable=False))

    def delete(self, key: str, *keys: str) -> RedisCall:
        """Delete keys of one slot. How many there were."""
        return self._begin("DEL", Command(key, ("DEL", key, *keys), repeatable=True))

    async def ask(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """What is asked through `redis`, told in the same way. It may take several answers."""

        async def limited() -> Any:
            async with asyncio.timeout(ANSWERS * deadline.remaining(self._timeout)):
                return await call()

        return await RedisCall("survey", asyncio.ensure_future(limited()), self.meter)

    async def nodes(self) -> list[Node]:
        """Each server that takes writes, to be asked through `ask`: a Cluster's primaries, or the one there is."""
        redis: Any = self.redis
        if not isinstance(redis, RedisCluster):
            return [redis.execute_command]
        await self.ask(redis.initialize)
        return [node.execute_command for node in redis.get_primaries()]

    async def ping(self) -> None:
        """Return if Redis answers, runs scripts and takes writes, full or not; of a Cluster, if any node answers."""
        if not self._pipeline.joins:  # one node may be lost, and its users with it
            with suppress(ServiceUnavailable):
                await self.read("PING")
                return
        await self.run(PING, [PROBE], [])

    async def close(self) -> None:
        """Close every connection."""
        await self._pipeline.close()
        await self._close()

    def _begin(self, name: str, command: Command) -> RedisCall:
        try:
            answer = self._pipeline.submit(command, deadline.remaining(self._timeout))
        except ServiceUnavailable as error:  # the request has no time left
            answer = asyncio.get_running_loop().create_future()
            answer.set_exception(error)
        return RedisCall(name, answer, self.meter)


def milliseconds(seconds: float) -> int:
    """As Redis takes times."""
    return round(seconds * 1000)
