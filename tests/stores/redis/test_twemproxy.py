"""twemproxy, a proxy that spreads keys and knows few commands, is refused in a sentence."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from service.stores.redis.probes import Probes, probe_keys
from tests import topologies
from tests.processes import free_port, run_here
from tests.programs import needs, program

pytestmark = pytest.mark.slow

NUTCRACKER = program("nutcracker")
needs_nutcracker = needs("nutcracker", "that twemproxy is refused")


@pytest.fixture
def twemproxy(tmp_path: Path) -> Iterator[int]:
    """The port of a twemproxy before two servers."""
    with ExitStack() as stack:
        ports = [free_port(), free_port()]
        for port in ports:
            stack.enter_context(topologies.server(port, tmp_path))
        yield stack.enter_context(_nutcracker(tmp_path, ports))


@contextmanager
def _nutcracker(folder: Path, servers: list[int]) -> Iterator[int]:
    port, stats = free_port(), free_port()
    lines = [
        "latch:",
        f"  listen: 127.0.0.1:{port}",
        "  hash: fnv1a_64",
        "  distribution: ketama",
        "  redis: true",
        "  servers:",
        *(f"   - 127.0.0.1:{server}:1 {name}" for name, server in zip("ab", servers, strict=True)),  # hashed by name
    ]
    (folder / "nutcracker.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [str(NUTCRACKER), "-c", str(folder / "nutcracker.yml"), "-s", str(stats), "-o", str(folder / "log")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        topologies.wait_until(lambda: _listens(port))
        yield port
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@needs_nutcracker
@pytest.mark.parametrize(("path", "told"), [("", "as twemproxy (nutcracker) does"), ("/1", "such as twemproxy")])
def test_check_names_it_and_what_to_do(folder: Path, twemproxy: int, path: str, told: str) -> None:
    url = f"redis://127.0.0.1:{twemproxy}{path}"
    checked = run_here("check", folder, REDIS_URL=url, CODE_PEPPER="x" * 32)
    assert checked.returncode == 1
    assert told in checked.stdout
    assert "Traceback" not in checked.stdout + checked.stderr


@needs_nutcracker
async def test_that_a_proxy_spreads_keys_shows_where_it_hides_nothing_else(twemproxy: int) -> None:
    client = Redis(port=twemproxy, protocol=2, driver_info=None)
    probes = await Probes.of(client.execute_command, probe_keys())
    await client.aclose()
    assert probes == Probes(scattered=True)


@needs_nutcracker
def test_a_start_refuses_it(folder: Path, twemproxy: int) -> None:
    started = run_here("", folder, REDIS_URL=f"redis://127.0.0.1:{twemproxy}", CODE_PEPPER="x" * 32)
    assert started.returncode == 2
    assert "REDIS_URL should name Redis, a Sentinel or a Cluster" in started.stderr
