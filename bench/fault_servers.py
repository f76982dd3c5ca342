"""Real servers to be broken: each can be killed, started again with its data or without, paused, and filled."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from service.embedded.program import binary
from tests.processes import free_port
from tests.topologies import SERVICE, SLOTS, wait_until

APPEND_ONLY = ("appendonly yes", "appendfsync everysec")
OF_REPLICAS = ("user replica on >secret ~* &* +@all", "masteruser replica", "masterauth secret")


class Node:
    """One Valkey on a port, with its data in a folder of its own."""

    def __init__(self, folder: Path, *options: str, sentinel: bool = False) -> None:
        self.port = free_port()
        self.folder = folder / str(self.port)
        self.folder.mkdir()
        self._config = self.folder / "server.conf"
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self.folder}", 'save ""', *options]
        self._config.write_text("\n".join(lines) + "\n")
        self._sentinel = sentinel
        self.client = Redis(port=self.port, retry=Retry(NoBackoff(), 0), socket_timeout=5)
        self.start()

    def start(self) -> None:
        command = [binary(), str(self._config), *(["--sentinel"] if self._sentinel else [])]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        wait_until(self.client.ping)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def start_empty(self) -> None:
        shutil.rmtree(self.folder / "appendonlydir")
        self.start()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def fill(self) -> None:
        self.client.config_set("maxmemory", 1)

    def empty(self) -> None:
        self.client.config_set("maxmemory", 0)

    def become_replica(self) -> None:
        self.client.execute_command("REPLICAOF", "127.0.0.1", 1)  # type: ignore[no-untyped-call]

    def become_master(self) -> None:
        self.client.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]

    def fill_disk(self) -> None:
        """What it appends from now on goes where there is no room."""
        following = 1 + max(int(path.name.split(".")[2]) for path in (self.folder / "appendonlydir").glob("*.incr.aof"))
        (self.folder / "appendonlydir" / f"appendonly.aof.{following}.incr.aof").symlink_to("/dev/full")
        self._rewrite()
        with suppress(ResponseError):  # at times the first write is refused, at others those after it
            self.client.set("filler", "")
        wait_until(lambda: self.client.info("persistence")["aof_last_write_status"] == "err")

    def free_disk(self) -> None:
        self._rewrite()

    def _rewrite(self) -> None:
        self.client.bgrewriteaof()
        wait_until(lambda: not self.client.info("persistence")["aof_rewrite_in_progress"])

    def close(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.kill()


class Servers:
    """Starts nodes, and ends those that are left when the block ends."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack

    def node(self, *options: str, sentinel: bool = False) -> Node:
        node = Node(self._folder, *options, sentinel=sentinel)
        self._stack.callback(node.close)
        return node


@contextmanager
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="latch-") as name, ExitStack() as stack:
        yield Servers(Path(name), stack)


class Watched:
    """A master and its replica, watched by a Sentinel that is quick to act."""

    def __init__(self, servers: Servers, *options: str, down_after: int = 700) -> None:
        self._servers = servers
        self._options = (*APPEND_ONLY, *options, *OF_REPLICAS)
        self.master = servers.node(*self._options)
        self.replica = servers.node(*self._options, f"replicaof 127.0.0.1 {self.master.port}")
        self.sentinel = servers.node(
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.master.port} 1",
            f"sentinel down-after-milliseconds {SERVICE} {down_after}",
            f"sentinel failover-timeout {SERVICE} 3000",
            sentinel=True,
        )
        self.url = f"redis+sentinel://127.0.0.1:{self.sentinel.port}/{SERVICE}/0"
        wait_until(lambda: self.replica.client.info("replication")["master_link_status"] == "up")
        wait_until(lambda: len(self.sentinel.client.sentinel_slaves(SERVICE)) == 1)

    def cut_off_replica(self) -> None:
        """From now on the master writes for itself alone."""
        self.master.client.execute_command("ACL", "SETUSER", "replica", "off")  # type: ignore[no-untyped-call]
        self.master.client.execute_command("CLIENT", "KILL", "TYPE", "replica")  # type: ignore[no-untyped-call]

    def lose_master(self) -> None:
        """The replica becomes the master, and gets a replica."""
        self.master.kill()
        wait_until(lambda: self.replica.client.info("replication")["role"] == "master")
        self._servers.node(*self._options, f"replicaof 127.0.0.1 {self.replica.port}")


class Cluster:
    """Three masters, the first with a replica. Users of a lost master are lost with it, others are not."""

    def __init__(self, servers: Servers, *, node_timeout: int = 1000) -> None:
        options = (
            "cluster-enabled yes",
            f"cluster-node-timeout {node_timeout}",
            "cluster-require-full-coverage no",  # as shipped, one lost master would shut the others too
            "cluster-replica-validity-factor 0",
        )
        buses = [free_port() for _ in range(4)]
        self.nodes = [servers.node(*APPEND_ONLY, *options, f"cluster-port {bus}") for bus in buses]
        masters, self.replica = self.nodes[:3], self.nodes[3]
        for n, node in enumerate(masters):
            node.client.cluster("ADDSLOTSRANGE", SLOTS * n // 3, SLOTS * (n + 1) // 3 - 1)
            node.client.cluster("SET-CONFIG-EPOCH", n + 1)

        def knows_all() -> bool:
            for node in self.nodes[1:]:
                node.client.cluster("MEET", "127.0.0.1", self.nodes[0].port, buses[0])
            return all(node.client.cluster("INFO")["cluster_known_nodes"] >= "4" for node in self.nodes)

        wait_until(knows_all, every=0.1)
        first = masters[0].client.cluster("MYID")
        wait_until(lambda: self._replicates(first), every=0.1)
        wait_until(lambda: all(self._is_well(node) for node in self.nodes), every=0.1)
        wait_until(lambda: self.replica.client.info("replication")["master_link_status"] == "up")
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:2])

    def _replicates(self, of: Any) -> bool:
        return bool(self.replica.client.cluster("REPLICATE", of.decode() if isinstance(of, bytes) else of))

    @staticmethod
    def _is_well(node: Node) -> bool:
        return node.client.cluster("INFO")["cluster_state"] == "ok" and len(node.client.cluster("SLOTS")) == 3
