"""redis-py's client of a Cluster, mended where it fails when slots move or a node is lost (seen with 8.1).

- After each broken connection it asks for the layout again, while everybody waits for the answer, and closes every
  connection if none comes, those in use too. Here all go on with the layout that is known until a new one is.
- ASKING and the command after it must use one connection; redis-py takes two, so that a redirect never ends.
- A redirect may name a node that has no slot yet; redis-py does not know it and breaks.
"""

import asyncio
import logging
import time
from typing import Any, Self

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

MASTER = "primary"  # redis-py's word for it
RENEW_EVERY = 0.5  # seconds between two questions for the layout, at least

log = logging.getLogger(__name__)


class ClusterClient(RedisCluster):
    """A Cluster's client that goes on while slots move, and whose lost node takes no other with it."""

    RedisClusterRequestTTL = 256  # times to follow a redirect or to try again; the caller's time limit ends it sooner
    _renewing: asyncio.Task[None] | None = None
    _renewed = 0.0

    async def initialize(self, additional_startup_nodes_info: Any = None, last_failed_node_name: Any = None) -> Self:
        """Learn the layout; the first time before anything else, later in the background."""
        if not self.nodes_manager.slots_cache:
            await super().initialize(additional_startup_nodes_info, last_failed_node_name)
            return self
        self._initialize = False
        busy = self._renewing and not self._renewing.done()
        if not busy and time.monotonic() - self._renewed > RENEW_EVERY:
            self._renewed = time.monotonic()
            self._renewing = asyncio.create_task(self._renew(last_failed_node_name))
        return self

    @property
    def is_layout_due(self) -> bool:
        """Whether the layout is to be asked for at the next command, or has never been."""
        return self._initialize

    async def owner_of(self, key: str) -> ClusterNode:
        """The node that has this key, as far as the layout is known."""
        if self.is_layout_due:
            await self.initialize()
        return self.nodes_manager.get_node_from_slot(self.keyslot(key))

    async def layout(self) -> dict[int, str]:
        """Which master has which slot, asked for anew."""
        await self.nodes_manager.initialize()
        return {slot: nodes[0].name for slot, nodes in self.nodes_manager.slots_cache.items()}

    async def aclose(self) -> None:
        """What redis-py calls where the layout may have changed: ask for it again, and close nothing."""
        self._initialize = True

    async def end(self) -> None:
        """Close every connection."""
        if self._renewing:
            self._renewing.cancel()
            await asyncio.wait({self._renewing})
        self._initialize = not self.nodes_manager.slots_cache
        await super().aclose()

    async def _execute_command(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await super()._execute_command(*arguments, **options)
        except RuntimeError as error:  # of a transport that redis-py closed, its node being lost, after we had taken it
            raise RedisConnectionError("closed by redis-py") from error

    async def _renew(self, failed: Any) -> None:
        try:
            await self.nodes_manager.initialize(last_failed_node_name=failed)
        except (RedisError, RuntimeError, OSError) as error:
            log.warning("the layout of the redis cluster cannot be learnt: %s", type(error).__name__)

    def get_node(self, host: str | None = None, port: int | None = None, node_name: str | None = None) -> Any:
        """A node of the Cluster; one that is asked for by its name alone is where a redirect leads."""
        found = super().get_node(host, port, node_name)
        if not node_name:
            return found
        if found is None:
            manager = self.nodes_manager
            place, _, number = node_name.rpartition(":")
            found = ClusterNode(place, int(number), MASTER, **manager.connection_kwargs)
            manager.set_nodes(manager.nodes_cache, {node_name: found})
        return _AskingNode(found)


class _AskingNode:
    """A node that is asked for keys whose slot is still on its way there."""

    def __init__(self, node: ClusterNode) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Any:
        """All else is the node's."""
        return getattr(self._node, name)

    async def execute_command(self, *arguments: Any, asking: bool = False, **options: Any) -> Any:  # noqa: ARG002 - redis-py passes it
        """The command with its ASKING before it, which therefore is not sent when redis-py would send it."""
        if arguments == ("ASKING",):
            return None
        connection = self._node.acquire_connection()
        try:
            await self._node.disconnect_if_needed(connection)
            await connection.send_packed_command(connection.pack_commands([("ASKING",), arguments]))
            await connection.read_response()
            return await self._node.parse_response(connection, arguments[0], **options)
        finally:
            try:
                await self._node.disconnect_if_needed(connection)
            finally:
                self._node.release(connection)
