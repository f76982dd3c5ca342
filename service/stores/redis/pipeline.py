"""The pipelined connections to all servers there are: what each kind does, and those to one server."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from redis.asyncio.connection import AbstractConnection

from service.stores.batcher import Batcher
from service.stores.redis.commands import MGET, Command
from service.stores.redis.pipelined_connection import RETRIES, PipelinedConnection

MOST = 128  # commands in one batch
OPENING = 4  # times the limit of an answer, for TCP, TLS, a Sentinel and the handshake


class RedisPipeline(Protocol):
    """The pipelined connections to all servers there are."""

    count: int  # how many there may be at once
    joins: bool  # whether one script may be given keys of any names

    def submit(self, command: Command, seconds: float) -> "asyncio.Future[Any]":
        """The answer, or what redis-py raises. TimeoutError after `seconds`."""

    async def close(self) -> None:
        """Close every connection. Whoever waits fails."""


class SinglePipeline:
    """Two connections to one server: checks never wait behind a batch of scripts.

    `timeout` in seconds holds for all that one batch takes: connecting, its answers, and the repeats of what may be
    repeated. A connection that takes longer to open serves a later batch. Where one leads to a replica both are left:
    checks would be answered by what is no master any more.
    """

    def __init__(
        self, make: Callable[[], AbstractConnection], *, timeout: float, merge: bool = True, retries: int = RETRIES
    ) -> None:
        reads, others = self._connections = [
            PipelinedConnection(make, merge=mine, limit=OPENING * timeout, retries=retries) for mine in (merge, False)
        ]
        self.count = len(self._connections)
        self.joins = True
        self._reads = Batcher(reads.flush, most=MOST, limit=timeout)
        self._others = Batcher(others.flush, most=MOST, limit=timeout, waits_a_turn=True)
        reads.opened, others.opened = self._reads.start_over, self._others.start_over
        reads.demoted = others.demoted = self._leave

    def submit(self, command: Command, seconds: float) -> "asyncio.Future[Any]":
        """See `RedisPipeline`."""
        batcher = self._reads if command.arguments[0] == MGET else self._others
        return batcher.submit(command, seconds)

    async def close(self) -> None:
        """See `RedisPipeline`."""
        for batcher in (self._reads, self._others):
            await batcher.close()
        for connection in self._connections:
            await connection.close()

    def _leave(self) -> None:
        for connection in self._connections:
            connection.leave()
