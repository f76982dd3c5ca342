"""A Sentinel with a master and a replica, and a Cluster of three masters, of real servers on ports of this machine."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from service.stores.embedded import _binary
from tests.processes import free_port

SLOTS = 16_384
SERVICE = "latch"
READY = 40.0  # seconds
PASSWORD = "a password of the tests"


@contextmanager
def server(port: int, folder: Path, *options: str, sentinel: bool = False) -> Iterator[Redis]:
    """One server, or one Sentinel, and a client of it."""
    config = folder / f"{port}.conf"
    config.write_text("\n".join([f"port {port}", "bind 127.0.0.1", f"dir {folder}", 'save ""', *options]) + "\n")
    command = [_binary(), str(config), *(["--sentinel"] if sentinel else [])]
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    password = None if sentinel else PASSWORD
    client = Redis(port=port, password=password if any("requirepass" in option for option in options) else None)
    try:
        wait_until(client.ping)
        yield client
    finally:
        client.close()
        process.kill()
        process.wait()


def wait_until(question: Callable[[], Any], every: float = 0.02) -> None:
    """Ask until the answer is true."""
    deadline = time.monotonic() + READY
    while True:
        try:
            if question():
                return
        except RedisError:
            pass
        assert time.monotonic() < deadline, "the servers are not ready"
        time.sleep(every)


@contextmanager
def sentinels() -> Iterator[str]:
    """The URL of a Sentinel that watches a master with a password, and its replica."""
    master, replica, watcher = (free_port() for _ in range(3))
    login = [f'requirepass "{PASSWORD}"', f'primaryauth "{PASSWORD}"']
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        stack.enter_context(server(master, folder, *login))
        stack.enter_context(server(replica, folder, *login, f"replicaof 127.0.0.1 {master}"))
        watching = [
            f"sentinel monitor {SERVICE} 127.0.0.1 {master} 1",
            f'sentinel auth-pass {SERVICE} "{PASSWORD}"',
        ]
        client = stack.enter_context(server(watcher, folder, *watching, sentinel=True))
        wait_until(lambda: client.sentinel_get_master_addr_by_name(SERVICE))
        escaped = PASSWORD.replace(" ", "%20")
        yield f"redis+sentinel://:{escaped}@127.0.0.1:{watcher}/{SERVICE}/0"


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of a Cluster of three masters."""
    ports = [free_port() for _ in range(3)]
    buses = [free_port() for _ in range(3)]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        nodes = []
        for port, bus in zip(ports, buses, strict=True):
            options = ["cluster-enabled yes", f"cluster-config-file nodes-{port}.conf", f"cluster-port {bus}"]
            nodes.append(stack.enter_context(server(port, Path(name), *options)))
        for n, node in enumerate(nodes):
            first, after = SLOTS * n // 3, SLOTS * (n + 1) // 3
            node.cluster("ADDSLOTSRANGE", first, after - 1)
            node.cluster("SET-CONFIG-EPOCH", n + 1)

        def is_whole() -> bool:
            for node in nodes[1:]:
                node.cluster("MEET", "127.0.0.1", ports[0], buses[0])  # again: a handshake that is late is given up
            return all(
                node.cluster("INFO")["cluster_state"] == "ok" and len(node.cluster("SLOTS")) == 3 for node in nodes
            )

        wait_until(is_whole, every=0.1)
        yield f"redis+cluster://127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}"
