"""A redis-py client for each kind of REDIS_URL: one server, the master that a Sentinel names, a Cluster.

None of them repeats anything by itself, and none waits longer than `timeout` seconds for a connection or an answer.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from settings import redis_url
from settings.redis_url import CLUSTER, Servers

Close = Callable[[], Awaitable[None]]

# A Cluster's pools do not wait for a free connection but refuse, and one operation may need several at once.
CONNECTIONS_PER_OPERATION = 8
RENEW_EVERY = 0.5  # seconds between two questions for a Cluster's layout, at least

log = logging.getLogger(__name__)


class _SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the master, as many as allowed; whoever comes when all are taken waits."""


class _Cluster(RedisCluster):
    """redis-py's client, but that a node that is lost does not take the others with it.

    redis-py asks for the layout again after each broken connection, while everybody waits for the answer, and closes
    every connection if none comes, those in use too. Here all go on with the layout that is known until a new one is.
    """

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


def client(url: str, *, timeout: float, pool_size: int) -> tuple[Redis, Close]:
    """A client, not yet connected, and what closes it. A Cluster's has the methods of Redis that we use."""
    if not redis_url.names_many(url):
        pool = BlockingConnectionPool.from_url(url, max_connections=pool_size, timeout=timeout, **_options(timeout))
        redis = Redis.from_pool(pool)
        return redis, redis.aclose
    servers = redis_url.parse(url)
    if servers.scheme == CLUSTER:
        return _cluster(servers, timeout, pool_size)
    return _master(servers, timeout, pool_size)


def _master(servers: Servers, timeout: float, pool_size: int) -> tuple[Redis, Close]:
    options = _options(timeout)
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        servers.places,
        sentinel_kwargs={
            **options,
            "username": servers.sentinel_username,
            "password": servers.sentinel_password,
        },
    )
    redis: Redis = sentinel.master_for(
        servers.service,
        connection_pool_class=_SentinelPool,
        max_connections=pool_size,
        timeout=timeout,
        db=servers.db,
        username=servers.username,
        password=servers.password,
        **options,
    )

    async def close() -> None:
        await redis.aclose()
        await redis.connection_pool.disconnect()
        await sentinel.aclose()

    return redis, close


def _cluster(servers: Servers, timeout: float, pool_size: int) -> tuple[Redis, Close]:
    cluster: Any = _Cluster(
        startup_nodes=[ClusterNode(host, port) for host, port in servers.places],
        username=servers.username,
        password=servers.password,
        max_connections=CONNECTIONS_PER_OPERATION * pool_size,
        require_full_coverage=False,  # the users of the nodes that are there are served
        reinitialize_steps=0,  # a node that refuses a key names the one that has it, and that is remembered
        **_options(timeout),
    )
    return cluster, cluster.end


def _options(timeout: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
    }
