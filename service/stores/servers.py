"""What the Redis servers say of themselves: the one, the master that a Sentinel names, or every node of a Cluster."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import ResponseError

from service.entities import Clock
from service.errors import ServiceUnavailable
from service.stores.connection import Connection

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Server:
    """One server. `name` is empty where there is but one; None stands for what it does not tell.

    `ahead` is by how many seconds at least its clock is ahead of this machine's, below zero if it is behind.
    """

    name: str
    version: tuple[int, ...]
    policy: str | None
    persistent: bool | None
    ahead: float


async def survey(connection: Connection) -> tuple[list[Server], list[str]]:
    """The servers that answer, and the names of the nodes that do not. Raises ServiceUnavailable where none does."""
    redis: Any = connection.redis
    if not isinstance(redis, RedisCluster):
        return [await connection.ask(lambda: _of_one("", redis.execute_command))], []
    await connection.ping()  # finds the nodes
    found, silent = [], []
    for node in redis.get_nodes():
        try:
            found.append(await connection.ask(lambda node=node: _of_one(node.name, node.execute_command)))  # type: ignore[misc]
        except ServiceUnavailable:
            silent.append(node.name)
    return found, silent


async def _of_one(name: str, ask: Callable[..., Awaitable[Any]], clock: Clock = time.time) -> Server:
    told = _parsed(await ask("INFO"))
    before = clock()
    seconds, microseconds = await ask("TIME")
    after = clock()
    theirs = int(seconds) + int(microseconds) / MICROSECONDS
    # What was said between the two moments is right; what is outside of them differs by this much at least.
    ahead = theirs - after if theirs > after else min(0.0, theirs - before)
    version = tuple(int(part) for part in told.get("redis_version", "0.0").split(".") if part.isdigit())
    return Server(name, version, told.get("maxmemory_policy"), await _persistent(told, ask), ahead)


async def _persistent(told: dict[str, str], ask: Callable[..., Awaitable[Any]]) -> bool | None:
    """Whether it writes an append-only file, as INFO tells, or snapshots, as CONFIG alone does where it is allowed."""
    if told.get("aof_enabled") == "1":
        return True
    try:
        answer = await ask("CONFIG GET", "save")
    except ResponseError:
        return None
    values = [value for pair in answer.items() for value in pair] if isinstance(answer, dict) else list(answer)
    return bool(values[1:] and values[1])


def _parsed(info: Any) -> dict[str, str]:
    if isinstance(info, dict):
        return {str(name): str(value) for name, value in info.items()}
    lines = (line.partition(":") for line in info.decode().splitlines())
    return {name: value for name, mark, value in lines if mark}
