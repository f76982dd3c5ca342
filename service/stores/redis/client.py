"""A redis-py client for each kind of REDIS_URL, and pipelines to the same: one server, a Sentinel's master, a Cluster.

None of the clients repeats anything by itself, and none waits longer than `timeout` seconds for an answer, or twice as
long for a connection: with TLS it is several answers. They serve what is asked now and then; the pipelines carry all
that requests need.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from service.stores.redis.cluster import ClusterClient
from service.stores.redis.cluster_pipeline import ClusterPipeline
from service.stores.redis.handshake import Handshake
from service.stores.redis.pipeline import RedisPipeline, SinglePipeline
from service.stores.redis.refusals import text_of
from settings import redis_url
from settings.redis_url import CLUSTER, SENTINEL, Servers

Close = Callable[[], Awaitable[None]]

CONNECT = 2  # times the limit of an answer, for TCP and TLS
POOL = 8  # connections that a client opens at most, to each server


class _SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the master, as many as allowed; whoever comes when all are taken waits."""

    async def get_master_address(self) -> Any:
        """Host and port. What a Sentinel refuses is told as no connection, or else it would be the master's answer."""
        try:
            return await super().get_master_address()  # type: ignore[no-untyped-call]
        except ResponseError as error:
            raise RedisConnectionError(text_of(error)) from error


def client(url: str, *, timeout: float, pool_size: int = POOL) -> tuple[Redis, Close]:
    """A client, not yet connected, and what closes it. A Cluster's has the methods of Redis that we use."""
    servers = redis_url.parse(url)
    if servers.scheme == CLUSTER:
        return _cluster(servers, timeout, pool_size)
    if servers.scheme == SENTINEL:
        return _master(servers, timeout, pool_size)
    return _one(servers, timeout, pool_size)


def pipeline(redis: Any, *, timeout: float) -> RedisPipeline:
    """RedisPipeline to where this client leads."""
    if isinstance(redis, ClusterClient):
        return ClusterPipeline(redis, _connection, timeout=timeout, places=POOL)
    return SinglePipeline(lambda: _connection(redis.connection_pool), timeout=timeout)


def _connection(source: Any) -> AbstractConnection:
    """A connection such as this pool or this node makes. Its owner's time limit is for a whole batch."""
    connection: AbstractConnection = source.connection_class(**{**source.connection_kwargs, "socket_timeout": None})
    return connection


def _one(servers: Servers, timeout: float, pool_size: int) -> tuple[Redis, Close]:
    pool = BlockingConnectionPool(
        max_connections=pool_size, timeout=timeout, **_place(servers), **_login(servers, timeout)
    )
    redis = Redis.from_pool(pool)
    return redis, redis.aclose


def _place(servers: Servers) -> dict[str, Any]:
    if servers.path:
        return {"connection_class": UnixDomainSocketConnection, "path": servers.path}
    [(host, port)] = servers.places
    tls = {name: value for name, value in servers.tls.items() if name != "ssl"}
    return {"connection_class": SSLConnection if servers.tls else Connection, "host": host, "port": port, **tls}


def _master(servers: Servers, timeout: float, pool_size: int) -> tuple[Redis, Close]:
    options = _options(timeout)
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        servers.places,
        sentinel_kwargs={
            **options,
            "socket_connect_timeout": timeout,  # there are others
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
        **_login(servers, timeout),
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


def _login(servers: Servers, timeout: float) -> dict[str, Any]:
    shake = Handshake(servers.username, servers.password, servers.db, servers.client_name).shake
    return {**_options(timeout), "redis_connect_func": shake}


def _options(timeout: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": CONNECT * timeout,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "driver_info": None,  # CLIENT is refused by many, our own ACL among them
    }
