"""What the Redis servers say of themselves: the one, the master that a Sentinel names, or every node of a Cluster.

What a host has switched off is not told, and stops nothing that is.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError, SlotNotCoveredError

from service.entities import Clock
from service.errors import ServiceUnavailable
from service.stores.redis.connection import PROBE, Connection
from service.stores.redis.probes import UNTRIED, Probes, probe_keys

MICROSECONDS = 1_000_000
# What tells a server from Redis in INFO, which also gives the version of Redis that it is like.
PRODUCTS = {"valkey": "Valkey", "dragonfly": "Dragonfly", "kvrocks": "Kvrocks", "garnet": "Garnet"}

Ask = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Server:
    """One server. `name` is empty where there is but one; None stands for what it does not tell, as no `version` does.

    `ahead` is by how many seconds at least its clock is ahead of this machine's, below zero if it is behind. `used` and
    `limit` are bytes of memory, the latter 0 where there is none. `product` is its own version and its name. `untold`
    are the commands that it did not let be asked; `hangs_up` if it closed the connection instead. `probes` is what came
    of trying to write.
    """

    name: str
    version: tuple[int, ...]
    policy: str | None
    persistent: bool | None
    ahead: float | None
    used: int | None = 0
    limit: int = 0
    product: str = ""
    untold: tuple[str, ...] = ()
    hangs_up: bool = False
    probes: Probes = UNTRIED


async def survey(connection: Connection) -> tuple[list[Server], list[str]]:
    """The servers that answer, and the names of the nodes that do not. Raises ServiceUnavailable where none does."""
    redis: Any = connection.redis
    if not isinstance(redis, RedisCluster):
        keys = probe_keys()
        return [await connection.ask(lambda: ask_server("", redis.execute_command, keys=keys))], []
    await connection.ask(redis.initialize)  # finds the nodes
    found, silent = [], []
    keys_of_nodes = _keys_of_nodes(redis)
    for node in redis.get_nodes():
        ask = partial(ask_server, node.name, node.execute_command, keys=keys_of_nodes.get(node.name, ()))
        try:
            found.append(await connection.ask(ask))
        except ServiceUnavailable:
            silent.append(node.name)
    return found, silent


async def ask_server(name: str, ask: Ask, clock: Clock = time.time, *, keys: tuple[str, ...] = ()) -> Server:
    """What one server says of itself to `ask`. `keys` are of its own, to write to; there may be none."""
    interview = _Interview(ask)
    try:
        told = _parsed(await interview.hear("INFO"))
    except RedisConnectionError as error:
        if type(error) is not RedisConnectionError or not await _lives(ask):
            raise
        return Server(name, (), None, None, None, None, hangs_up=True)
    ahead = await _ahead(interview, clock)
    persistent = await _persistent(told, interview)
    untold = tuple(command for command in interview.untold if command != "CONFIG GET")
    return Server(
        name,
        tuple(int(part) for part in told.get("redis_version", "").split(".") if part.isdigit()),
        told.get("maxmemory_policy"),
        persistent,
        ahead,
        int(told["used_memory"]) if "used_memory" in told else None,
        int(told.get("maxmemory", 0)),
        _product(told),
        untold,
        probes=await Probes.of(ask, keys) if keys else UNTRIED,
    )


class _Interview:
    """Asks, and notes what may not be asked."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.untold: list[str] = []

    async def hear(self, command: str, *arguments: str) -> Any:
        """The answer, None where there is none to be had."""
        try:
            return await self._ask(command, *arguments)
        except ResponseError:
            self.untold.append(command)
            return None


async def _lives(ask: Ask) -> bool:
    """Whether it answers, after it hung up."""
    try:
        await ask("PING")
    except (RedisError, OSError):
        return False
    return True


async def _ahead(interview: _Interview, clock: Clock) -> float | None:
    before = clock()
    answer = await interview.hear("TIME")
    after = clock()
    if answer is None:
        return None
    seconds, microseconds = answer
    theirs = int(seconds) + int(microseconds) / MICROSECONDS
    # What was said between the two moments is right; what is outside of them differs by this much at least.
    return theirs - after if theirs > after else min(0.0, theirs - before)


def _product(told: dict[str, str]) -> str:
    for name, product in PRODUCTS.items():
        if version := told.get(f"{name}_version"):
            return f"{version} of {product}"
    return f"{told['redis_version']} of Redis" if "redis_version" in told else ""


def _keys_of_nodes(cluster: Any) -> dict[str, tuple[str, ...]]:
    """A key for each node of a Cluster that has slots: most of the first hundred are on the first few dozen nodes."""
    keys: dict[str, tuple[str, ...]] = {}
    for n in range(500):
        with suppress(SlotNotCoveredError):
            keys.setdefault(cluster.get_node_from_key(f"{PROBE}{n}").name, (f"{PROBE}{n}",))
    return keys


async def _persistent(told: dict[str, str], interview: _Interview) -> bool | None:
    """Whether it writes an append-only file, as INFO tells, or snapshots, as CONFIG alone does where it is allowed."""
    if told.get("aof_enabled") == "1":
        return True
    answer = await interview.hear("CONFIG GET", "save")
    if answer is None:
        return None
    values = [value for pair in answer.items() for value in pair] if isinstance(answer, dict) else list(answer)
    return bool(values[1:] and values[1])


def _parsed(info: Any) -> dict[str, str]:
    if isinstance(info, dict):
        return {str(name): str(value) for name, value in info.items()}
    lines = (line.partition(":") for line in (info or b"").decode().splitlines())
    return {name: value for name, mark, value in lines if mark}
