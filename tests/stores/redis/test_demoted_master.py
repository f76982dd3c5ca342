"""A failover in which the old master lives on as a replica: its refusals make Latch connect anew."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from redis import Redis

from service.errors import ServiceUnavailable
from service.stores.redis.connection import Connection
from service.stores.redis.scripts import Script
from tests import topologies
from tests.processes import free_port
from tests.stores.conftest import SOON
from tests.stores.redis.tcp_proxy import TcpProxy

pytestmark = pytest.mark.slow

COUNT = Script("count", repeatable=False, source="return redis.call('INCR', KEYS[1])")
AT_ONCE = "repl-diskless-sync-delay 0"
READ = Script("read", repeatable=True, source="return redis.call('GET', KEYS[1])")


class Pair:
    """A master and its replica, which can change places."""

    def __init__(self, master: tuple[int, Redis], replica: tuple[int, Redis]) -> None:
        (self.master_port, self.master), (self.replica_port, self.replica) = master, replica
        self.replica.replicaof("127.0.0.1", str(self.master_port))
        topologies.wait_until(lambda: self.replica.info("replication")["master_link_status"] == "up")

    def is_in_step(self) -> bool:
        told = self.replica.info("replication")["slave_repl_offset"]
        return bool(told == self.master.info("replication")["master_repl_offset"])

    def fail_over(self) -> None:
        topologies.wait_until(self.is_in_step)
        self.replica.replicaof("NO", "ONE")
        self.master.replicaof("127.0.0.1", str(self.replica_port))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        ports = [free_port(), free_port()]
        servers = [(port, stack.enter_context(topologies.server(port, tmp_path, AT_ONCE))) for port in ports]
        yield Pair(servers[0], servers[1])


@pytest.fixture
async def through_name(pair: Pair, loop: Any) -> AsyncIterator[tuple[TcpProxy, Connection]]:
    """A connection by a name that leads to the master, open for reads and for writes."""
    proxy = TcpProxy(pair.master_port)
    async with proxy.running() as port:
        connection = Connection(f"redis://127.0.0.1:{port}", timeout=SOON)
        assert await connection.run(COUNT, ["n"], []) == 1
        assert await connection.values("n") == [b"1"]
        yield proxy, connection
        await connection.close()


async def test_the_very_request_that_a_replica_refuses_is_served_by_the_new_master(
    pair: Pair, through_name: tuple[TcpProxy, Connection]
) -> None:
    proxy, connection = through_name
    pair.fail_over()
    proxy.target = pair.replica_port
    assert await connection.run(COUNT, ["n"], []) == 2  # though it must not be done twice: it was not done once
    assert await connection.write("INCR", "n") == 3
    assert pair.replica.get("n") == b"3"


async def test_all_who_are_refused_together_are_each_served_once(
    pair: Pair, through_name: tuple[TcpProxy, Connection]
) -> None:
    proxy, connection = through_name
    pair.fail_over()
    proxy.target = pair.replica_port
    counted = await asyncio.gather(
        *(connection.run(COUNT, ["n"], []) if n % 2 else connection.run(READ, ["n"], []) for n in range(60))
    )
    assert sorted(counted[1::2]) == list(range(2, 32))
    assert pair.replica.get("n") == b"31"


async def test_reads_leave_the_replica_too(pair: Pair, through_name: tuple[TcpProxy, Connection]) -> None:
    proxy, connection = through_name
    pair.fail_over()
    pair.master.replicaof("127.0.0.1", str(free_port()))  # a replica that has lost its master tells old values
    proxy.target = pair.replica_port
    assert await connection.values("n") == [b"1"]  # nothing has told of the failover yet
    await connection.run(COUNT, ["n"], [])
    assert await connection.values("n") == [b"2"]


async def test_readiness_tells_of_a_replica_and_leaves_it(
    pair: Pair, through_name: tuple[TcpProxy, Connection]
) -> None:
    proxy, connection = through_name
    pair.fail_over()
    with pytest.raises(ServiceUnavailable):
        await connection.ping()
    tried = proxy.connections
    proxy.target = pair.replica_port
    await connection.ping()
    assert await connection.values("n") == [b"1"]
    assert proxy.connections == tried + 2


async def test_while_the_name_still_leads_to_the_replica_it_is_unavailable_and_each_try_connects_anew(
    pair: Pair, through_name: tuple[TcpProxy, Connection]
) -> None:
    proxy, connection = through_name
    pair.fail_over()
    before = proxy.connections
    for _ in range(2):
        with pytest.raises(ServiceUnavailable):
            await connection.run(COUNT, ["n"], [])
    assert proxy.connections >= before + 2
    proxy.target = pair.replica_port
    assert await connection.run(COUNT, ["n"], []) == 2


async def test_a_replica_that_serves_nothing_stale_is_left_by_readers(
    pair: Pair, through_name: tuple[TcpProxy, Connection]
) -> None:
    proxy, connection = through_name
    pair.fail_over()
    pair.master.config_set("replica-serve-stale-data", "no")
    pair.master.replicaof("127.0.0.1", str(free_port()))
    proxy.target = pair.replica_port
    assert await connection.values("n") == [b"1"]  # MASTERDOWN, and then the new master


@pytest.mark.slow
async def test_behind_a_sentinel_the_old_master_is_left_as_well(tmp_path: Path, loop: Any) -> None:
    master, replica, watcher = (free_port() for _ in range(3))
    with ExitStack() as stack:
        first = stack.enter_context(topologies.server(master, tmp_path, *topologies.LOGIN, *_may_follow()))
        other = stack.enter_context(topologies.server(replica, tmp_path, *topologies.LOGIN, *_may_follow()))
        pair = Pair((master, first), (replica, other))
        watching = [
            f"sentinel monitor {topologies.SERVICE} 127.0.0.1 {master} 1",
            f'sentinel auth-pass {topologies.SERVICE} "{topologies.PASSWORD}"',
        ]
        sentinel = stack.enter_context(topologies.server(watcher, tmp_path, *watching, sentinel=True))
        topologies.wait_until(lambda: sentinel.sentinel_slaves(topologies.SERVICE))
        url = f"redis+sentinel://:{quote(topologies.PASSWORD)}@127.0.0.1:{watcher}/{topologies.SERVICE}/0"
        connection = Connection(url, timeout=SOON)
        assert await connection.run(COUNT, ["n"], []) == 1
        topologies.wait_until(pair.is_in_step)
        await asyncio.to_thread(_fail_over, sentinel, pair)
        counted = None
        for _ in range(100):  # the Sentinel names the new master a moment later than the old one refuses
            with suppress(ServiceUnavailable):
                counted = await connection.run(COUNT, ["n"], [])
                break
            await asyncio.sleep(0.1)
        assert counted == 2
        await connection.close()


def _may_follow() -> list[str]:
    return [f'masterauth "{topologies.PASSWORD}"', AT_ONCE]


def _fail_over(sentinel: Redis, pair: Pair) -> None:
    def is_asked() -> bool:
        return bool(sentinel.execute_command("SENTINEL", "FAILOVER", topologies.SERVICE))  # type: ignore[no-untyped-call]

    topologies.wait_until(is_asked, every=0.5)
    topologies.wait_until(lambda: pair.master.info("replication")["role"] == "slave")
