"""What the Redis servers say of themselves: the one, the master that a Sentinel names, or every node of a Cluster."""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import AskError, ResponseError, SlotNotCoveredError, TryAgainError

from service.entities import Clock
from service.errors import ServiceUnavailable
from service.stores.redis.connection import Connection

MICROSECONDS = 1_000_000
PROBE = "limit:probe"  # a key that is written to see whether any can be; deploy/redis/latch.acl allows its prefix
PROBE_LIFE = 1_000  # ms
PROBES = 500


@dataclass(frozen=True, slots=True)
class Server:
    """One server. `name` is empty where there is but one; None stands for what it does not tell.

    `ahead` is by how many seconds at least its clock is ahead of this machine's, below zero if it is behind. `used` and
    `limit` are bytes of memory, the latter 0 where there is none. `refusal` is why it takes no writes, or empty.
    """

    name: str
    version: tuple[int, ...]
    policy: str | None
    persistent: bool | None
    ahead: float
    used: int = 0
    limit: int = 0
    refusal: str = ""


async def survey(connection: Connection) -> tuple[list[Server], list[str]]:
    """The servers that answer, and the names of the nodes that do not. Raises ServiceUnavailable where none does."""
    redis: Any = connection.redis
    if not isinstance(redis, RedisCluster):
        return [await connection.ask(lambda: ask_server("", redis.execute_command, probe=PROBE))], []
    await connection.ping()  # finds the nodes
    found, silent = [], []
    probes = _probes(redis)
    for node in redis.get_nodes():
        ask = partial(ask_server, node.name, node.execute_command, probe=probes.get(node.name, ""))
        try:
            found.append(await connection.ask(ask))
        except ServiceUnavailable:
            silent.append(node.name)
    return found, silent


async def ask_server(
    name: str, ask: Callable[..., Awaitable[Any]], clock: Clock = time.time, *, probe: str = ""
) -> Server:
    """What one server says of itself to `ask`. `probe` is a key of its own to write to, or empty."""
    told = _parsed(await ask("INFO"))
    before = clock()
    seconds, microseconds = await ask("TIME")
    after = clock()
    theirs = int(seconds) + int(microseconds) / MICROSECONDS
    # What was said between the two moments is right; what is outside of them differs by this much at least.
    ahead = theirs - after if theirs > after else min(0.0, theirs - before)
    version = tuple(int(part) for part in told.get("redis_version", "0.0").split(".") if part.isdigit())
    return Server(
        name,
        version,
        told.get("maxmemory_policy"),
        await _persistent(told, ask),
        ahead,
        int(told.get("used_memory", 0)),
        int(told.get("maxmemory", 0)),
        await _refusal(ask, probe) if probe else "",
    )


async def _refusal(ask: Callable[..., Awaitable[Any]], probe: str) -> str:
    """Why it takes no writes, in its own words: no memory, a full disk, a replica. Empty where it does."""
    try:
        await ask("SET", probe, "", "PX", str(PROBE_LIFE))
        await ask("DEL", probe)
    except (AskError, TryAgainError):  # its slot is on the move
        return ""
    except ResponseError as error:
        return str(error).partition(". ")[0].rstrip(".")
    return ""


def _probes(cluster: Any) -> dict[str, str]:
    """A key for each node of a Cluster that has slots: most of the first hundred are on the first few dozen nodes."""
    probes: dict[str, str] = {}
    for n in range(PROBES):
        with suppress(SlotNotCoveredError):
            probes.setdefault(cluster.get_node_from_key(f"{PROBE}{n}").name, f"{PROBE}{n}")
    return probes


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
