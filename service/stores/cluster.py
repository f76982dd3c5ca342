"""redis-py's client of a Cluster, mended where it fails while slots move from node to node (seen with 8.1).

- ASKING and the command after it must use one connection; redis-py takes two, so that a redirect never ends.
- A redirect may name a node that has no slot yet; redis-py does not know it and breaks.
"""

from typing import Any

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode

MASTER = "primary"  # redis-py's word for it


class ClusterClient(RedisCluster):
    """A Cluster's client that goes on while slots move: a moving one refuses what is not there yet."""

    RedisClusterRequestTTL = 256  # times to follow a redirect or to try again; the caller's time limit ends it sooner

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
        return _Asked(found)


class _Asked:
    """A node that is asked for keys whose slot is still on its way there."""

    def __init__(self, node: ClusterNode) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Any:
        """All else is the node's."""
        return getattr(self._node, name)

    async def execute_command(self, *arguments: Any, asking: bool = False, **options: Any) -> Any:  # noqa: ARG002
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
