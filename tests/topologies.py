"""Real servers on ports of this machine: one, a master and a replica with a Sentinel, a Cluster of three masters.

Each knows two users: `default`, who may do everything, and `latch`, who may do what deploy/redis/latch.acl says.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from redis import Redis
from redis.exceptions import RedisError

from service.embedded.program import binary
from tests.certificates import Certificates, make
from tests.processes import ROOT, free_port
from tests.programs import found

SLOTS = 16_384
SERVICE = "latch"
READY = 40.0  # seconds
PASSWORD = "a password of the tests"
LATCH = f"{SERVICE}:{quote(PASSWORD)}"  # before the @ of a URL
ACL = (ROOT / "deploy/redis/latch.acl").read_text(encoding="utf-8").strip()
LOGIN = [f'requirepass "{PASSWORD}"']


@contextmanager
def server(
    port: int, folder: Path, *options: str, sentinel: bool = False, tls: Certificates | None = None
) -> Iterator[Redis]:
    """One server, or one Sentinel, and a client of it. With TLS it is the packaged redis-server."""
    config = folder / f"{port}.conf"
    listening = _secure(port, tls) if tls else [f"port {port}"]
    users = [] if sentinel else [f'user latch on ">{PASSWORD}" {ACL}']
    lines = [*listening, "bind 127.0.0.1", f"dir {folder}", 'save ""', *users, *options]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [_packaged() if tls else binary(), str(config), *(["--sentinel"] if sentinel else [])]
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    password = None if sentinel else PASSWORD
    client = Redis(
        port=port,
        host="127.0.0.1",
        password=password if any("requirepass" in option for option in options) else None,
        **({"ssl": True, "ssl_ca_certs": str(tls.authority)} if tls else {}),  # type: ignore[arg-type]
    )
    try:
        wait_until(client.ping)
        yield client
    finally:
        client.close()
        process.kill()
        process.wait()


def _secure(port: int, tls: Certificates) -> list[str]:
    return [
        "port 0",
        f"tls-port {port}",
        f"tls-ca-cert-file {tls.authority}",
        f"tls-cert-file {tls.certificate}",
        f"tls-key-file {tls.key}",
        "tls-auth-clients no",
        "tls-replication yes",  # and what a Sentinel speaks
    ]


@cache
def _packaged() -> str:
    """The redis-server of this machine's packages: unlike the embedded one it speaks TLS."""
    packaged = found("redis-server", "it, and TLS to Redis")
    if b"SSL_CTX_new" not in Path(packaged).read_bytes():
        # A choice of whoever has built it; Debian's has TLS. Told, and no failure.
        pytest.skip("redis-server is built without TLS, which is NOT tested here")
    return packaged


@contextmanager
def certified() -> Iterator[Certificates]:
    """Certificates in a folder that goes with them. Skips where no server could use them."""
    _packaged()
    with tempfile.TemporaryDirectory() as name:
        yield make(Path(name))


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
def single(tls: Certificates | None = None) -> Iterator[str]:
    """The URL of one server with a password."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name, server(port, Path(name), *LOGIN, tls=tls):
        yield f"{_scheme('redis', tls)}://:{quote(PASSWORD)}@127.0.0.1:{port}/0{_options(tls)}"


@contextmanager
def sentinels(tls: Certificates | None = None) -> Iterator[str]:
    """The URL of a Sentinel that watches a master with a password, and its replica."""
    master, replica, watcher = (free_port() for _ in range(3))
    login = [*LOGIN, f'masterauth "{PASSWORD}"']
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        stack.enter_context(server(master, folder, *login, tls=tls))
        stack.enter_context(server(replica, folder, *login, f"replicaof 127.0.0.1 {master}", tls=tls))
        watching = [
            f"sentinel monitor {SERVICE} 127.0.0.1 {master} 1",
            f'sentinel auth-pass {SERVICE} "{PASSWORD}"',
        ]
        client = stack.enter_context(server(watcher, folder, *watching, sentinel=True, tls=tls))
        wait_until(lambda: client.sentinel_get_master_addr_by_name(SERVICE))
        scheme = _scheme("redis", tls)
        yield f"{scheme}+sentinel://:{quote(PASSWORD)}@127.0.0.1:{watcher}/{SERVICE}/0{_options(tls)}"


@contextmanager
def cluster(tls: Certificates | None = None) -> Iterator[str]:
    """The URL of a Cluster of three masters, and of a fourth node without a slot."""
    ports = [free_port() for _ in range(4)]
    buses = [free_port() for _ in range(4)]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        nodes = []
        for port, bus in zip(ports, buses, strict=True):
            options = ["cluster-enabled yes", f"cluster-config-file nodes-{port}.conf", f"cluster-port {bus}"]
            options += ["cluster-allow-replica-migration no", *(["tls-cluster yes"] if tls else [])]
            nodes.append(stack.enter_context(server(port, Path(name), *options, tls=tls)))
        _give_slots(nodes[:3])
        for n, node in enumerate(nodes):
            node.cluster("SET-CONFIG-EPOCH", n + 1)

        def is_whole() -> bool:
            for node in nodes[1:]:
                node.cluster("MEET", "127.0.0.1", ports[0], buses[0])  # again: a handshake that is late is given up
            return all(
                node.cluster("INFO")["cluster_state"] == "ok"
                and len(node.cluster("SLOTS")) == 3
                and sum("handshake" not in known["flags"] for known in node.cluster("NODES").values()) == len(nodes)
                for node in nodes
            )

        wait_until(is_whole, every=0.1)
        yield f"{_scheme('redis', tls)}+cluster://127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}{_options(tls)}"


def _give_slots(nodes: Sequence[Redis]) -> None:
    for n, node in enumerate(nodes):
        first, after = SLOTS * n // len(nodes), SLOTS * (n + 1) // len(nodes)
        node.cluster("ADDSLOTSRANGE", first, after - 1)


def as_latch(url: str) -> str:
    """The URL with the user `latch`, who may do no more than it must."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{LATCH}@{rest.rpartition('@')[2]}"


def _scheme(scheme: str, tls: Certificates | None) -> str:
    return f"{scheme}s" if tls else scheme


def _options(tls: Certificates | None) -> str:
    return f"?ssl_ca_certs={quote(str(tls.authority))}" if tls else ""
