"""What is told of the Redis servers at start and by `check`: judged purely, and asked of real ones."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.commands.check_redis import of_servers
from service.commands.findings import Finding, Level
from service.errors import ServiceUnavailable
from service.stores.redis import server_info
from service.stores.redis.connection import Connection
from service.stores.redis.probes import Probes
from service.stores.redis.server_info import Server, survey
from tests import topologies
from tests.processes import ROOT, Service, environment, free_port, run_here
from tests.stores.conftest import Place, keys_of, on_every_server

GOOD = Server("", (7, 2, 4), "noeviction", persistent=True, ahead=0.0)


def wrong(*found: Server) -> list[Finding]:
    return [finding for finding in of_servers(found) if finding.level is not Level.GOOD]


def with_(name: str = "", **values: Any) -> Server:
    told = {"version": GOOD.version, "policy": GOOD.policy, "persistent": True, "ahead": 0.0, **values}
    return Server(name, **told)


def test_nothing_is_wrong_with_a_server_that_keeps_all_and_one_of_the_oldest_version() -> None:
    assert wrong(GOOD, with_(version=(6, 2, 0))) == []


@pytest.mark.parametrize("version", [(6, 0, 16), (5, 0), (2, 8, 24), (0, 0)])
def test_a_server_that_is_too_old_is_bad(version: tuple[int, ...]) -> None:
    [finding] = wrong(with_("one:7000"), with_("two:7000", version=version))
    assert finding.level is Level.BAD
    assert not finding.away
    assert "on two:7000 is too old; 6.2 is the oldest" in finding.text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"policy": "allkeys-lru"}, "maxmemory-policy is allkeys-lru on two:7000"),
        ({"persistent": False}, "keeps nothing over a restart on two:7000"),
        ({"persistent": None}, "has no append-only file on two:7000, and whether it keeps snapshots it does not tell"),
        ({"policy": None}, "Redis on two:7000 does not tell its maxmemory-policy"),
        ({"ahead": 1.5}, "the clock of Redis on two:7000 and that of this machine are 1.5 s apart"),
        ({"ahead": -90.0}, "are 90.0 s apart"),
    ],
)
def test_a_warning_names_the_node(values: dict[str, Any], text: str) -> None:
    [finding] = wrong(with_("one:7000"), with_("two:7000", **values))
    assert finding.level is Level.WARN
    assert text in finding.text


@pytest.mark.parametrize(
    ("values", "level", "text"),
    [
        ({"used": 3 << 20}, Level.GOOD, "Redis on two:7000 uses 3.0 MiB of memory, without a limit"),
        ({"used": 89, "limit": 100}, Level.GOOD, "MiB (maxmemory)"),
        (
            {"used": 9 << 20, "limit": 10 << 20},
            Level.WARN,
            "on two:7000 uses 9.0 of 10.0 MiB (maxmemory): with none left",
        ),
        (
            {"used": 11 << 20, "limit": 10 << 20, "probes": Probes(writes="no memory")},
            Level.BAD,
            "takes no writes (no memory), and uses",
        ),
        ({"probes": Probes(writes="a replica")}, Level.BAD, "Redis on two:7000 takes no writes (a replica)"),
    ],
)
def test_how_full_each_server_is_and_whether_it_takes_writes_is_told(
    values: dict[str, Any], level: Level, text: str
) -> None:
    [finding] = [found for found in of_servers([with_("two:7000", **values)]) if "MiB" in found.text]
    assert (finding.level, finding.away) == (level, level is Level.BAD)
    assert text in finding.text


def test_a_clock_that_is_a_second_off_is_no_matter() -> None:
    assert wrong(with_(ahead=1.0), with_(ahead=-1.0)) == []


@pytest.fixture
def connection(connection_of_latch: Connection) -> Connection:
    return connection_of_latch


async def test_every_server_tells_what_is_asked_of_it(connection: Connection, redis: Any, place: Place) -> None:
    found, silent = await survey(connection)
    assert silent == []
    masters = {3, 4} if place.kind == "cluster" else {1}  # the fourth has slots only after some have moved to it
    assert len(found) in masters
    assert all(server.version >= (6, 2) and server.policy == "noeviction" for server in found)
    untold = None if place.url != place.administrators else False  # Latch's own user may not ask CONFIG
    assert {server.persistent for server in found} == {True if place.kind == "embedded" else untold}
    await on_every_server(redis, "CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
    await on_every_server(redis, "CONFIG", "SET", "appendonly", "yes")
    try:
        found, _ = await survey(connection)
    finally:
        await on_every_server(redis, "CONFIG", "SET", "maxmemory-policy", "noeviction")
        if place.kind != "embedded":
            await on_every_server(redis, "CONFIG", "SET", "appendonly", "no")
    assert {(server.policy, server.persistent) for server in found} == {("volatile-ttl", True)}


async def test_latch_may_read_no_settings_of_the_server_its_passwords_among_them(
    connection: Connection, place: Place
) -> None:
    if place.url == place.administrators:
        return  # the embedded one: whoever reaches its socket owns it
    with pytest.raises(ServiceUnavailable):
        await connection.read("CONFIG", "GET", "requirepass")


async def test_snapshots_are_known_where_config_is_allowed() -> None:
    async def answer(command: str, *_: str) -> Any:
        info = {"redis_version": "7.0.15", "aof_enabled": 0}
        return {"INFO": info, "TIME": (1000, 0), "CONFIG GET": {"save": "3600 1"}}[command]

    assert (await server_info.ask_server("", answer, lambda: 1000)).persistent is True


async def test_a_full_server_is_found_on_every_kind_of_redis_and_the_probe_leaves_nothing(
    connection: Connection, redis: Any
) -> None:
    found, _ = await survey(connection)
    assert {server.probes for server in found} == {Probes()}
    assert all(server.used and server.limit == 0 for server in found)
    await on_every_server(redis, "CONFIG", "SET", "maxmemory", "1048576")
    try:
        found, _ = await survey(connection)
    finally:
        await on_every_server(redis, "CONFIG", "SET", "maxmemory", "0")
    refusing = [server for server in found if "maxmemory" in server.probes.writes]
    assert len(refusing) >= len(found) - 1  # a node of a Cluster without slots keeps nothing
    assert {server.limit for server in found} == {1 << 20}
    assert await keys_of(redis) == set()


@pytest.mark.parametrize(("pause", "ahead"), [(0.0, 100.0), (0.0, -100.0), (30.0, 100.0)])
async def test_a_pause_between_two_looks_at_the_clock_is_not_taken_for_a_difference(pause: float, ahead: float) -> None:
    looks = iter((1000.0, 1000.0 + pause))

    async def answer(command: str, *_: str) -> Any:
        return {"INFO": {"redis_version": "7.0.15", "aof_enabled": 1}, "TIME": (1000 + ahead, 0)}[command]

    assert (await server_info.ask_server("", answer, lambda: next(looks))).ahead == ahead - (pause if ahead > 0 else 0)


async def test_a_pause_alone_is_no_difference() -> None:
    looks = iter((1000.0, 1030.0))

    async def answer(command: str, *_: str) -> Any:
        return {"INFO": {"redis_version": "7.0.15", "aof_enabled": 1}, "TIME": (1015, 0)}[command]

    assert (await server_info.ask_server("", answer, lambda: next(looks))).ahead == 0


@contextmanager
def redis_with(option: str, folder: Path) -> Iterator[dict[str, str]]:
    """The settings for a Redis with this line in its configuration."""
    port = free_port()
    folder.parent.mkdir(exist_ok=True)
    with topologies.server(port, folder.parent, option):
        yield {"REDIS_URL": f"redis://127.0.0.1:{port}", "CODE_PEPPER": "x" * 32}


@pytest.mark.slow
def test_a_start_says_once_what_is_wrong_with_redis_and_check_says_it_too(folder: Path) -> None:
    with redis_with("maxmemory-policy allkeys-lru", folder) as settings:
        with Service(folder, **settings) as service:
            text = service.text()
        checked = run_here("check", folder, **settings)
    for told in ("maxmemory-policy is allkeys-lru: Redis may evict", "Redis keeps nothing over a restart"):
        assert text.count(told) == 1
        assert checked.stdout.count(f"warn  {told}") == 1
    assert checked.returncode == 0


@pytest.mark.slow
def test_a_full_redis_fails_the_check_and_does_not_stop_a_start(folder: Path) -> None:
    with redis_with("maxmemory 1mb", folder) as settings:
        checked = run_here("check", folder, **settings)
        with Service(folder, **settings) as service:
            text = service.text()
    assert checked.returncode == 1
    assert (
        "FAIL  Redis takes no writes (command not allowed when used memory > 'maxmemory'), and uses " in checked.stdout
    )
    assert " of 1.0 MiB (maxmemory); serving all the same, and answering 503 until it does" in text


@pytest.mark.slow
def test_a_redis_that_is_away_does_not_stop_the_start_and_is_told(folder: Path, unused_port: int) -> None:
    url = f"redis://u:hidden@127.0.0.1:{unused_port}"
    with Service(folder, ready="/healthz", REDIS_URL=url, CODE_PEPPER="x" * 32) as service:
        assert service.http.get("/readyz").json()["stores"] == {"redis": "unavailable", "database": "ok"}
    assert "does not answer (ConnectionRefusedError); serving all the same" in service.text()
    assert "hidden" not in service.text()


@pytest.mark.slow
def test_a_redis_that_is_too_old_stops_the_start(folder: Path, redis_server: str) -> None:
    program = (
        "import run, sys; from service.commands import check_redis; "
        "check_redis.OLDEST_REDIS = (99, 0); sys.exit(run.main([]))"
    )
    variables = environment(folder, REDIS_URL=redis_server, CODE_PEPPER="x" * 32, PORT=free_port())
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 2
    assert "is too old; 6.2 is the oldest that is supported" in done.stderr.splitlines()[-1]
