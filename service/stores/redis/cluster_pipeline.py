"""RedisPipeline to the nodes of a Cluster: commands go straight to the node that has their keys, as far as is known.

What a node refuses, because a slot has moved or is moving, and what may be repeated after its connection broke, goes
through redis-py's client of the Cluster instead, one by one: it follows redirects and learns the new layout.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AskError, ClusterDownError, ResponseError, SlotNotCoveredError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError

from service.stores.redis.cluster import ClusterClient
from service.stores.redis.commands import Command
from service.stores.redis.pipeline import SinglePipeline
from service.stores.redis.pipelined_connection import BROKEN, NotTheMaster, patience
from service.stores.redis.refusals import wants_text

MOVED = (AskError, ClusterDownError, TryAgainError)  # MovedError is an AskError


class ClusterPipeline:
    """RedisPipeline to each node, as it is first asked."""

    def __init__(
        self, client: ClusterClient, make: Callable[[ClusterNode], AbstractConnection], *, timeout: float, places: int
    ) -> None:
        self.count = places
        self.joins = False
        self._client = client
        self._make = make
        self._timeout = timeout
        self._places = asyncio.Semaphore(places)  # the client's pools do not wait for a connection but refuse
        self._retry = patience()
        self._nodes: dict[str, SinglePipeline] = {}
        self._is_closed = False

    def submit(self, command: Command, seconds: float) -> "asyncio.Future[Any]":
        """See `RedisPipeline`."""
        return asyncio.get_running_loop().create_task(self._ask(command, seconds))

    async def _ask(self, command: Command, seconds: float) -> Any:
        try:
            async with asyncio.timeout(seconds):
                return await self._asked(command, seconds)
        except TimeoutError:
            await self._client.aclose()  # the layout may have changed: a node that hangs refuses nothing
            raise

    async def close(self) -> None:
        """See `RedisPipeline`."""
        self._is_closed = True
        for pipeline in self._nodes.values():
            await pipeline.close()

    async def _asked(self, command: Command, seconds: float) -> Any:
        if not command.key:
            return await self._by_client(command)
        try:
            node = await self._client.owner_of(command.key)
        except (KeyError, SlotNotCoveredError) as error:
            await self._client.aclose()
            raise SlotNotCoveredError("no node has this slot") from error
        try:
            return await self._to(node).submit(command, seconds)
        except MOVED:
            return await self._by_client(command)
        except BROKEN as error:
            await self._client.aclose()
            if isinstance(error, TimeoutError) or not (command.repeatable or isinstance(error, NotTheMaster)):
                raise
            return await self._by_client(command)

    def _to(self, node: ClusterNode) -> SinglePipeline:
        if node.name not in self._nodes:
            make = partial(self._make, node)
            self._nodes[node.name] = SinglePipeline(make, timeout=self._timeout, merge=False, retries=0)
        return self._nodes[node.name]

    async def _by_client(self, command: Command) -> Any:
        async def ask() -> Any:
            if self._is_closed:
                raise RedisConnectionError("closed")
            try:
                return await self._client.execute_command(*command.arguments)
            except ResponseError as error:
                if not command.script or not wants_text(error):
                    raise
                return await self._client.execute_command(*command.whole)

        async with self._places:
            return await (self._retry.call_with_retry(ask, _nothing) if command.repeatable else ask())


async def _nothing(_error: Exception) -> None:
    """Nothing is left to be done between two tries."""
