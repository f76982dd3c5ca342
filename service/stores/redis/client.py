"""A redis-py client for each kind of REDIS_URL, and pipelines to the same: one server, a Sentinel's master, a Cluster.

None of the clients repeats anything by itself, and none waits longer than `timeout` seconds for a connection or an
answer. They serve what is asked now and then; the pipelines carry all that requests need.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from service.stores.redis.cluster import ClusterClient
from service.stores.redis.cluster_pipeline import ClusterPipeline
from service.stores.redis.pipeline import RedisPipeline, SinglePipeline
from settings import redis_url
from settings.redis_url import CLUSTER, Servers

Close = Callable[[], Awaitable[None]]

POOL = 8  # connections that a client opens at most, to each server


class _SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the master, as many as allowed; whoever comes when all are taken waits."""


def client(url: str, *, timeout: float, pool_size: int = POOL) -> tuple[Redis, Close]:
    """A client, not yet connected, and what closes it. A Cluster's has the methods of Redis that we use."""
    if not redis_url.names_many(url):
        pool = BlockingConnectionPool.from_url(url, max_connections=pool_size, timeout=timeout, **_options(timeout))
        redis = Redis.from_pool(pool)
        return redis, redis.aclose
    servers = redis_url.parse(url)
    if servers.scheme == CLUSTER:
        return _cluster(servers, timeout, pool_size)
    return _master(servers, timeout, pool_size)


def pipeline(redis: Any, *, timeout: float) -> RedisPipeline:
    """RedisPipeline to where this client leads."""
    if isinstance(redis, ClusterClient):
        return ClusterPipeline(redis, _connection, timeout=timeout, places=POOL)
    return SinglePipeline(lambda: _connection(redis.connection_pool), timeout=timeout)


def _connection(source: Any) -> AbstractConnection:
    """A connection such as this pool or this node makes. Its owner's time limit is for a whole batch."""
    connection: AbstractConnection = source.connection_class(**{**source.connection_kwargs, "socket_timeout": None})
    return connection


def _master(servers: Servers, timeout: float, pool_size: int) -> tuple[Redis, Close]:
    options = _options(timeout)
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        servers.places,
        sentinel_kwargs={
            **options,
            **servers.tls,
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
        **servers.tls,
    )

    async def close() -> None:
        await redis.aclose()
        await redis.connection_pool.disconnect()
        await sentinel.aclose()

    return redis, close


def _cluster(servers: Servers, timeout: float, pool_size: int) -> tuple[Redis, Close]:
    cluster: Any = ClusterClient(
        startup_nodes=[ClusterNode(host, port) for host, port in servers.places],
        username=servers.username,
        password=servers.password,
        max_connections=pool_size,
        require_full_coverage=False,  # the users of the nodes that are there are served
        reinitialize_steps=0,  # a redirect is remembered by itself; else every fifth one closes all connections
        **_options(timeout),
        **servers.tls,
    )
    return cluster, cluster.end


def _options(timeout: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
    }
