"""Commands that a host has switched off: put up with where that can be, and named by `check` where not."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis._parsers.base import BaseParser

from service.commands.check_redis import of_servers
from service.commands.findings import Finding, Level
from service.errors import ServiceUnavailable
from service.stores.redis.connection import Connection
from service.stores.redis.refusals import (
    is_demoted,
    is_mistake,
    is_switched_off,
    keeps_keys_apart,
    wants_text,
)
from service.stores.redis.scripts import LUA, Script
from service.stores.redis.server_info import survey
from tests import topologies
from tests.conftest import Start
from tests.processes import free_port, run_here
from tests.stores.conftest import SOON
from tests.stores.redis.test_connection import connected

pytestmark = pytest.mark.slow

COUNT = Script("count", repeatable=False, source="return redis.call('INCR', KEYS[1])")
SHA = "0" * 40


def said(text: str) -> Exception:
    """What redis-py makes of a server's words."""
    error: Exception = BaseParser.parse_error(text)  # type: ignore[no-untyped-call]
    return error


# --- The words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"ERR unknown command 'EVALSHA', with args beginning with: '{SHA}' '1' 'limit:probe'",
        f"ERR unknown command `EVALSHA`, with args beginning with: `{SHA}`, `1`, ",
        "NOPERM this user has no permissions to run the 'evalsha' command or its subcommand",
        "NOPERM User latch has no permissions to run the 'evalsha' command",
        "ERR Command is not available: 'EVALSHA'. See the documentation for details",
        "ERR command evalsha not support for normal user",
        "ERR unsupported command 'evalsha'",
        "unsupported command 'evalsha'",
        "ERR command 'EVALSHA' is not allowed",
        "ERR unknown command 'evalsha'",
        "ERR This command is disabled",
        "ERR command EVALSHA is forbidden",
    ],
)
def test_however_a_host_says_it_evalsha_is_switched_off_and_the_text_is_sent_instead(text: str) -> None:
    assert is_switched_off(said(text))
    assert wants_text(said(text))
    assert not is_demoted(said(text))


@pytest.mark.parametrize(
    "text",
    [
        "READONLY You can't write against a read only replica.",
        f"READONLY You can't write against a read only replica. script: {SHA}, on @user_script:1.",
        f"ERR Error running script (call to f_{SHA}): @user_script:1: @user_script: 1: -READONLY You can't write.",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    ],
)
def test_a_replica_is_known_by_its_words_in_scripts_too(text: str) -> None:
    assert is_demoted(said(text))


@pytest.mark.parametrize(
    "text",
    [
        "ERR DB index is out of range",
        "MISCONF Redis is configured to save RDB snapshots",
        f"ERR Error running script (call to f_{SHA}): @user_script:1: @user_script: 1: -OOM command not allowed",
        f"ERR Error running script (call to f_{SHA}): @user_script: 1: Unknown Redis command called from script",
        f"ACL failure in script: User a has no permissions to run the 'hset' command script: {SHA}, on @user_script:1.",
        f"ACL failure in script: User a has no permissions to access the 'k' key script: {SHA}, on @user_script:1.",
        "ERR upstream failure",
        "no upstream host",
        "MOVED 3999 127.0.0.1:6381",
        "ERR something that nobody has heard of",
    ],
)
def test_what_a_server_will_not_do_is_no_mistake_of_ours_and_no_script_is_sent_again(text: str) -> None:
    error = said(text)
    assert not is_mistake(error)  # type: ignore[arg-type]
    assert not wants_text(error)


@pytest.mark.parametrize(
    "text",
    [
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        "ERR wrong number of arguments for 'get' command",
        f"ERR Wrong number of args calling Redis command from script script: {SHA}, on @user_script:1.",
    ],
)
def test_a_mistake_of_ours_is_told_as_one(text: str) -> None:
    assert is_mistake(said(text))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "CROSSSLOT Keys in request don't hash to the same slot",
        "ERR eval/evalsha command keys must be in same slot",
        "ERR bad lua script for redis cluster, all the keys that the script uses should be passed using the KEYS array",
    ],
)
def test_that_keys_are_kept_apart_is_known_by_the_words_of_hosts(text: str) -> None:
    assert keeps_keys_apart(said(text))
    assert not wants_text(said(text))


# --- Real servers ---------------------------------------------------------------------------------------------------


@contextmanager
def without(folder: Path, *commands: str) -> Iterator[tuple[str, Redis]]:
    """The URL and a client of a server that does not know these."""
    port = free_port()
    with topologies.server(port, folder, *(f'rename-command {command} ""' for command in commands)) as client:
        yield f"redis://127.0.0.1:{port}", client


@contextmanager
def not_allowed(folder: Path, *commands: str) -> Iterator[tuple[str, Redis]]:
    """The URL of a user who may do all but these, and a client of somebody who may do everything."""
    port = free_port()
    with topologies.server(port, folder) as client:
        rules = [f"-{command.lower()}" for command in commands]
        client.execute_command("ACL", "SETUSER", "some", "on", ">one", "~*", "+@all", *rules)  # type: ignore[no-untyped-call]
        yield f"redis://some:one@127.0.0.1:{port}", client


ways = pytest.mark.parametrize("way", [without, not_allowed], ids=["renamed", "by ACL"])
Way = Callable[..., AbstractContextManager[tuple[str, Redis]]]


async def findings_at(url: str) -> list[Finding]:
    async with connected(url, timeout=SOON) as connection:
        servers, _ = await survey(connection)
        return of_servers(servers)


def texts(found: list[Finding], level: Level) -> str:
    return "\n".join(finding.text for finding in found if finding.level is level)


@ways
async def test_a_server_without_all_that_can_be_missed_serves(tmp_path: Path, way: Way) -> None:
    with way(tmp_path, "INFO", "TIME", "CONFIG", "CLIENT", "SCRIPT", "EVALSHA") as (url, _):
        async with connected(f"{url}/1?client_name=latch", timeout=SOON) as connection:
            await connection.ping()
            assert [await connection.run(COUNT, ["n"], []) for _ in range(3)] == [1, 2, 3]
            assert await connection.run_chain([(COUNT, ["n"], []), (COUNT, ["m"], [])]) == [4, 1]
            assert await connection.values("n", "m") == [b"4", b"1"]
        found = await findings_at(url)
    assert texts(found, Level.BAD) == ""
    warned = texts(found, Level.WARN)
    for told in ("INFO", "TIME", "does not take EVALSHA", "CONFIG", "does not tell how much memory"):
        assert told in warned
    assert "takes writes and runs scripts" in texts(found, Level.GOOD)


async def test_scripts_go_as_text_at_once_after_the_first_refusal(tmp_path: Path) -> None:
    with without(tmp_path, "EVALSHA") as (url, client):
        async with connected(url, timeout=SOON) as connection:
            await connection.run(COUNT, ["n"], [])
            client.config_resetstat()
            for _ in range(5):
                await connection.run(COUNT, ["n"], [])
        stats = client.info("commandstats")
        assert stats["cmdstat_eval"]["calls"] == 5
        assert client.info("stats")["total_error_replies"] == 0


async def test_without_ping_it_is_ready_all_the_same(tmp_path: Path) -> None:
    port = free_port()
    with topologies.server(port, tmp_path) as client:  # renamed, the test's own look whether it is up would fail
        client.execute_command("ACL", "SETUSER", "some", "on", ">one", "~*", "+@all", "-ping")  # type: ignore[no-untyped-call]
        async with connected(f"redis://some:one@127.0.0.1:{port}", timeout=SOON) as connection:
            await connection.ping()


@ways
@pytest.mark.parametrize("command", ["EVAL", "MGET", "SET", "HSET"])
async def test_what_cannot_be_missed_is_named_and_requests_are_unavailable(
    tmp_path: Path, way: Way, command: str
) -> None:
    with way(tmp_path, command, *(["EVALSHA"] if command == "EVAL" else [])) as (url, _):
        told = texts(await findings_at(url), Level.BAD)
        assert command in told.upper()
        if command in {"EVAL", "MGET"}:
            async with connected(url, timeout=SOON) as connection:
                with pytest.raises(ServiceUnavailable):
                    await (connection.run(COUNT, ["n"], []) if command == "EVAL" else connection.values("n"))


def test_a_server_without_scripts_fails_the_check_and_stops_the_start(folder: Path, tmp_path: Path) -> None:
    with without(tmp_path, "EVAL", "EVALSHA") as (url, _):
        settings = {"REDIS_URL": url, "CODE_PEPPER": "x" * 32}
        checked = run_here("check", folder, **settings)
        assert checked.returncode == 1
        assert "FAIL  Redis does not run the scripts of Latch (unknown command" in checked.stdout
        started = run_here("", folder, **settings)
    assert started.returncode == 2
    assert "does not run the scripts of Latch" in started.stderr
    assert "Traceback" not in checked.stdout + checked.stderr + started.stderr


@pytest.mark.parametrize("command", ["GET", "HMGET", "LINDEX", "HGETALL", "HGET"])
async def test_a_read_that_is_refused_is_no_finding_and_changes_nothing(
    start: Start, connection: Connection, command: str
) -> None:
    """Never a log-out, never a wrong code: a broken store must not look like one."""
    url = f"unix://some:one@{connection.redis.connection_pool.connection_kwargs['path']}"

    async def allow(rule: str) -> None:
        await connection.redis.acl_setuser(
            "some", enabled=True, passwords=["+one"], categories=["+@all"], commands=[rule], keys=["*"]
        )

    await allow(f"+{command}")
    api = await start(redis_url=url, code_pepper="x" * 32)
    tokens = await api.log_in()
    code = await api.new_code("13900139000")
    await allow(f"-{command}")
    try:
        refreshed = await api.refresh(tokens["refresh_token"])
        logged_in = await api.post_login("13900139000", code)
    finally:
        await allow(f"+{command}")
    assert refreshed.status_code in {200, 503}
    assert logged_in.status_code in {200, 503}
    assert await api.is_live(tokens["token"])


def test_the_probe_tries_every_command_that_a_script_uses() -> None:
    def used(text: str) -> set[str]:
        return set(re.findall(r"(?:call|look|room)\('([A-Z]+)'", text))

    every = set().union(*(used(path.read_text(encoding="utf-8")) for path in LUA.rglob("*.lua")))
    probes = [used((LUA / f"{name}.lua").read_text(encoding="utf-8")) for name in ("probe", "probe_outbox")]
    assert set().union(*probes) == every
    assert {f"+{command.lower()}" for command in every} <= set(topologies.ACL.split())


async def test_a_node_of_a_cluster_is_told_from_one_server(cluster_redis: str) -> None:
    node = cluster_redis.rpartition("/")[2].partition(",")[0]
    connection = Connection(f"redis://{node}", timeout=SOON)
    servers, _ = await survey(connection)
    await connection.close()
    assert "is one node of a Cluster: REDIS_URL should start with redis+cluster://" in texts(
        of_servers(servers), Level.BAD
    )
