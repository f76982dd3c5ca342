"""What can be broken: for each fault the servers, the settings that lead to them, how they break and how they heal."""

import os
import signal
import socket
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import psutil

from bench.fault_postgres import Postgres
from bench.fault_servers import APPEND_ONLY, Cluster, Node, Watched, servers
from tests.processes import Service, free_port

PEPPER = "a pepper for broken things"
LASTS = 3.0  # seconds


@dataclass
class Case:
    """One fault, set up. `lasts` is 0 where nobody but the servers themselves mends it."""

    settings: dict[str, Any]
    breaks: Callable[[], object]
    heals: Callable[[], object] = lambda: None
    lasts: float = LASTS


Prepare = Callable[[ExitStack, "Late"], Case]


@dataclass
class Late:
    """The service that the fault will meet, which starts after its servers."""

    service: Service | None = None

    @property
    def running(self) -> Service:
        assert self.service
        return self.service


def _on(url: str) -> dict[str, Any]:
    return {"REDIS_URL": url, "CODE_PEPPER": PEPPER}


def _one_redis(breaks: Callable[[Node], object], heals: Callable[[Node], object]) -> Prepare:
    def prepare(stack: ExitStack, _: Late) -> Case:
        node = stack.enter_context(servers()).node(*APPEND_ONLY)
        return Case(_on(f"redis://127.0.0.1:{node.port}/0"), lambda: breaks(node), lambda: heals(node))

    return prepare


def _failover(stack: ExitStack, _: Late) -> Case:
    watched = Watched(stack.enter_context(servers()))
    return Case(_on(watched.url), watched.master.kill, lasts=0)


def _old_master_returns(stack: ExitStack, _: Late) -> Case:
    watched = Watched(stack.enter_context(servers()))
    return Case(_on(watched.url), watched.master.pause, watched.master.resume, lasts=5)


def _late_failover(*options: str) -> Prepare:
    """The replica is cut off some seconds before the master dies: what was written meanwhile is lost."""

    def prepare(stack: ExitStack, _: Late) -> Case:
        watched = Watched(stack.enter_context(servers()), *options)
        return Case(_on(watched.url), watched.cut_off_replica, watched.lose_master)

    return prepare


def _cluster_failover(stack: ExitStack, _: Late) -> Case:
    cluster = Cluster(stack.enter_context(servers()))
    return Case(_on(cluster.url), cluster.nodes[0].kill, lasts=0)


def _cluster_node(breaks: Callable[[Node], object], heals: Callable[[Node], object]) -> Prepare:
    def prepare(stack: ExitStack, _: Late) -> Case:
        node = (cluster := Cluster(stack.enter_context(servers()))).nodes[1]
        return Case(_on(cluster.url), lambda: breaks(node), lambda: heals(node), lasts=5)

    return prepare


def _postgres(breaks: Callable[[Postgres], object], heals: Callable[[Postgres], object]) -> Prepare:
    def prepare(stack: ExitStack, _: Late) -> Case:
        postgres = Postgres(stack)
        return Case({"DATABASE_URL": postgres.url}, lambda: breaks(postgres), lambda: heals(postgres))

    return prepare


def _locked_file(_: ExitStack, late: Late) -> Case:
    held: list[sqlite3.Connection] = []  # opened in one thread, closed in another

    def lock() -> None:
        path = late.running.data_dir / "latch.sqlite3"
        held.append(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
        held[0].execute("BEGIN EXCLUSIVE")

    def unlock() -> None:
        held[0].close()

    return Case({}, lock, unlock)


def workers(service: Service) -> list[int]:
    """The process ids of the workers: the service's children, but for the embedded Redis and a helper of Python's."""
    children = psutil.Process(service.process.pid).children()
    return [child.pid for child in children if _is_worker(child)]


def _is_worker(process: psutil.Process) -> bool:
    try:
        return any("spawn_main" in word for word in process.cmdline())
    except psutil.Error:  # it has died
        return False


def _killed_worker(_: ExitStack, late: Late) -> Case:
    return Case({}, lambda: os.kill(workers(late.running)[0], signal.SIGKILL), lasts=0)


def _silent_provider(*_: object) -> Case:
    """The first sender of two accepts and never answers. Until then its port refuses, and the second one sends."""
    port = free_port()
    listeners: list[socket.socket] = []
    settings = {
        "SMS_SENDER": "webhook,file",
        "WEBHOOK_URL": f"http://127.0.0.1:{port}/",
        "WEBHOOK_SECRET": "whsec_bm90IG11Y2ggb2YgYSBzZWNyZXQgYXQgYWxsLCB0aGlz",
    }

    def hang() -> None:
        listeners.append(socket.create_server(("127.0.0.1", port), backlog=512))

    def refuse() -> None:
        listeners[0].close()

    return Case(settings, hang, refuse, lasts=7)


CASES: dict[str, Prepare] = {
    "nothing": lambda *_: Case({}, lambda: None),
    "Redis stopped": _one_redis(Node.kill, Node.start),
    "Redis restarted without its data": _one_redis(Node.kill, Node.start_empty),
    "Redis paused": _one_redis(Node.pause, Node.resume),
    "Redis out of memory": _one_redis(Node.fill, Node.empty),
    "Redis' disk full": _one_redis(Node.fill_disk, Node.free_disk),
    "Redis a read-only replica": _one_redis(Node.become_replica, Node.become_master),
    "Sentinel: master killed": _failover,
    "Sentinel: master paused, then back": _old_master_returns,
    "Sentinel: master killed, replica cut off before": _late_failover(),
    "the same, min-replicas-to-write 1": _late_failover("min-replicas-to-write 1", "min-replicas-max-lag 1"),
    "Cluster: master killed, has a replica": _cluster_failover,
    "Cluster: master killed, has none": _cluster_node(Node.kill, Node.start),
    "Cluster: master paused, has none": _cluster_node(Node.pause, Node.resume),
    "PostgreSQL stopped": _postgres(Postgres.stop, Postgres.start),
    "PostgreSQL paused": _postgres(Postgres.pause, Postgres.resume),
    "SQLite file locked": _locked_file,
    "a worker killed": _killed_worker,
    "SMS provider hangs": _silent_provider,
}
