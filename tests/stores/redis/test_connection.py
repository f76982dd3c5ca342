"""Connection to Redis: what it repeats, what it gives up, how soon, and that it works again when Redis does."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError

from service.embedded.redis_server import EmbeddedRedis
from service.errors import ServiceUnavailable
from service.runtime import deadline
from service.stores.code_values import CodeLease, Issued, Verdict
from service.stores.codes import CodeStore
from service.stores.redis.connection import Connection
from service.stores.redis.pipeline import MOST
from service.stores.redis.server_info import survey
from tests.conftest import NAMES
from tests.stores.conftest import SOON, unavailable_soon
from tests.stores.flaky_proxy import FlakyProxy

MOBILE = "13800138000"
NAME = NAMES.of(MOBILE)
KEY = f"code:{{{NAME}}}"
TIMEOUT = 0.2  # seconds

Use = Callable[[Connection], Awaitable[object]]


async def issue(connection: Connection) -> object:
    return await CodeStore(connection).issue(NAME, "nonce", "digest", now=0, life=300, attempts=5)


async def verify(connection: Connection, digest: str = "wrong") -> bool:
    store = CodeStore(connection)
    return await store.verify(CodeLease(MOBILE, NAME, "me"), digest, now=0, life=10, attempts=5) is Verdict.RIGHT


USES: dict[str, Use] = {
    "a read": lambda connection: connection.read("GET", "key"),
    "a repeatable script": issue,
    "a script that is not": verify,
    "ping": lambda connection: connection.ping(),
    "a survey of the servers": survey,
}
every_use = pytest.mark.parametrize("use", USES.values(), ids=USES)


class Server:
    """A server of the test's own, to be stopped, filled and locked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = folder / "redis.sock"
        self.start()

    def start(self) -> None:
        self._embedded = EmbeddedRedis(self._folder, self.socket)
        self._embedded.start()

    def stop(self) -> None:
        self._embedded.stop()


@pytest.fixture
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="latch-") as folder:
        server = Server(Path(folder))
        yield server
        server.stop()


@pytest.fixture
async def mine(server: Server, loop: Any) -> AsyncIterator[Connection]:
    """A connection to it, which waits longer than a busy machine takes: every outage here is told at once."""
    async with connected(f"unix://{server.socket}", timeout=1.0) as connection:
        yield connection


@asynccontextmanager
async def connected(url: str, *, timeout: float = TIMEOUT) -> AsyncIterator[Connection]:  # noqa: ASYNC109
    connection = Connection(url, timeout=timeout)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def proxy(redis_server: str, connection: Connection) -> AsyncIterator[tuple[FlakyProxy, Connection]]:
    """A proxy of an empty server, and a connection through it that is open already for scripts and pings."""
    proxy = FlakyProxy(redis_server.removeprefix("unix://"))
    async with proxy.running() as url, connected(url, timeout=5) as through_proxy:
        await through_proxy.ping()
        yield proxy, through_proxy


# --- Out of reach ---------------------------------------------------------------------------------------------------


@every_use
async def test_a_closed_port_is_unavailable(unused_port: int, use: Use) -> None:
    async with connected(f"redis://127.0.0.1:{unused_port}") as connection:
        with unavailable_soon():
            await use(connection)


@every_use
async def test_a_missing_socket_is_unavailable(tmp_path: Path, use: Use) -> None:
    async with connected(f"unix://{tmp_path}/nowhere.sock") as connection:
        with unavailable_soon():
            await use(connection)


@every_use
async def test_a_stopped_server_is_unavailable_and_works_again_after_its_restart(
    server: Server, mine: Connection, use: Use
) -> None:
    await asyncio.gather(*(use(mine) for _ in range(5)))
    server.stop()
    for _ in range(2):
        with unavailable_soon():
            await use(mine)
    server.start()
    await asyncio.gather(*(use(mine) for _ in range(5)))


@every_use
async def test_a_server_that_never_answers_is_unavailable_and_is_not_asked_twice(use: Use) -> None:
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    async with connected(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}") as connection:
        with unavailable_soon():
            await use(connection)
    assert len(writers) == 1
    for writer in writers:
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()


async def test_a_wrong_password_is_unavailable(mine: Connection, server: Server) -> None:
    await mine.redis.acl_setuser("latch", enabled=True, passwords=["+right"], categories=["+@all"], keys=["*"])
    async with connected(f"unix://latch:wrong@{server.socket}") as connection:
        with unavailable_soon():
            await connection.ping()
    async with connected(f"unix://latch:right@{server.socket}", timeout=5) as connection:
        await connection.ping()


# --- Up, but not able -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", [issue, verify], ids=["repeatable", "not"])
async def test_a_full_server_is_unavailable_for_writes_and_still_reads(mine: Connection, use: Use) -> None:
    await issue(mine)
    await mine.redis.delete(KEY)
    if use is verify:
        await issue(mine)
    await mine.redis.config_set("maxmemory", "1")
    with unavailable_soon():
        await use(mine)
    await mine.ping()
    await mine.redis.config_set("maxmemory", "0")
    await use(mine)


async def test_a_server_that_became_a_replica_is_unavailable_for_writes(mine: Connection, unused_port: int) -> None:
    await mine.redis.execute_command("REPLICAOF", "127.0.0.1", unused_port)  # type: ignore[no-untyped-call]
    with unavailable_soon():
        await issue(mine)
    await mine.redis.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]
    await issue(mine)


async def test_a_mistake_of_ours_is_not_told_as_an_outage(connection: Connection) -> None:
    with pytest.raises(ResponseError):
        await connection.read("GET")


# --- Again ----------------------------------------------------------------------------------------------------------


async def test_a_script_works_again_after_the_server_has_forgotten_it(connection: Connection) -> None:
    for _ in range(2):
        await connection.redis.script_flush()
        assert await issue(connection) == Issued("nonce", 300, "digest")
        assert await issue(connection) == Issued("nonce", 300, "digest")


async def test_reads_and_writes_go_on_after_the_server_has_dropped_every_connection(
    connection: Connection, redis_server: str
) -> None:
    async with connected(redis_server, timeout=5) as operator:
        await asyncio.gather(*(connection.ping() for _ in range(20)))
        for use in USES.values():
            await operator.redis.execute_command("CLIENT", "KILL", "TYPE", "normal")  # type: ignore[no-untyped-call]
            await asyncio.gather(*(use(connection) for _ in range(20)))


async def test_a_read_whose_answer_was_lost_is_repeated(proxy: tuple[FlakyProxy, Connection]) -> None:
    flaky, connection = proxy
    await connection.write("SET", "key", "value")
    flaky.losses = 1
    assert await connection.read("GET", "key") == b"value"
    assert (flaky.losses, flaky.connections) == (0, 2)


async def test_a_repeatable_script_whose_answer_was_lost_is_repeated(proxy: tuple[FlakyProxy, Connection]) -> None:
    flaky, connection = proxy
    flaky.losses = 1
    assert await issue(connection) == Issued("nonce", 300, "digest")
    assert (flaky.losses, flaky.connections) == (0, 2)


async def test_a_wrong_try_whose_answer_was_lost_is_counted_once(proxy: tuple[FlakyProxy, Connection]) -> None:
    flaky, connection = proxy
    await issue(connection)
    await verify(connection)  # the server knows the script now
    flaky.losses = 1
    with pytest.raises(ServiceUnavailable):
        await verify(connection)
    assert await connection.redis.hget(KEY, "attempts") == b"2"


async def test_a_network_that_stays_broken_is_unavailable(proxy: tuple[FlakyProxy, Connection]) -> None:
    flaky, connection = proxy
    flaky.losses = 1000
    with unavailable_soon():
        await connection.ping()
    assert flaky.connections <= 3


# --- Turns on a connection ------------------------------------------------------------------------------------------


async def test_more_callers_than_go_out_together_wait_for_their_turn(redis_server: str) -> None:
    async with connected(redis_server, timeout=5) as connection:
        answers = await asyncio.gather(*(connection.read("ECHO", str(n)) for n in range(5 * MOST)))
        assert answers == [str(n).encode() for n in range(5 * MOST)]


async def test_a_caller_waits_for_the_batch_that_is_under_way_and_a_check_for_no_script(connection: Connection) -> None:
    blocked = asyncio.ensure_future(connection.read("BLPOP", "list", "0"))
    await eventually_blocked(connection)
    waiting = asyncio.ensure_future(connection.read("ECHO", "mine"))
    assert await asyncio.wait_for(connection.values("key"), SOON) == [None]
    assert not waiting.done()
    await connection.redis.rpush("list", "item")
    assert await blocked == [b"list", b"item"]
    assert await waiting == b"mine"


async def test_a_connection_that_stays_busy_is_waited_for_no_longer_than_the_caller_has_time(
    connection: Connection,
) -> None:
    async def ask_soon() -> None:
        deadline.start(0.3)
        await connection.ping()

    blocked = asyncio.ensure_future(connection.read("BLPOP", "list", "0"))
    await eventually_blocked(connection)
    with unavailable_soon():
        await asyncio.create_task(ask_soon())
    assert not blocked.done()
    await connection.redis.rpush("list", "item")
    assert await blocked == [b"list", b"item"]
    await connection.ping()


async def test_a_connection_that_never_answers_is_left_and_another_connection_made(connection: Connection) -> None:
    url = f"unix://{connection.redis.connection_pool.connection_kwargs['path']}"
    async with connected(url, timeout=0.5) as impatient:
        with unavailable_soon():
            await impatient.read("BLPOP", "nothing", "0")
        assert await eventually_echoed(impatient) == b"mine"


async def eventually_echoed(connection: Connection) -> object:
    """An answer, as soon as the machine gives one within the time limit."""
    for _ in range(20):
        with suppress(ServiceUnavailable):
            return await connection.read("ECHO", "mine")
    raise AssertionError


async def eventually_blocked(connection: Connection) -> None:
    """Until the server has the question that it does not answer."""
    for _ in range(500):
        if (await connection.redis.info("clients"))["blocked_clients"]:
            return
        await asyncio.sleep(0.01)
    raise AssertionError


async def test_callers_that_go_away_leave_nobody_their_answers(redis_server: str) -> None:
    async with connected(redis_server, timeout=5) as connection:
        for turns in range(30):
            leaver = asyncio.ensure_future(connection.read("ECHO", f"of a leaver {turns}"))
            for _ in range(turns % 10):
                await asyncio.sleep(0)
            leaver.cancel()
            stayers = [connection.read("ECHO", f"{turns} {n}") for n in range(3)]
            assert await asyncio.gather(*stayers) == [f"{turns} {n}".encode() for n in range(3)]
            await asyncio.gather(leaver, return_exceptions=True)


async def test_a_closed_connection_leaves_nothing_open_at_the_server(mine: Connection, server: Server) -> None:
    async with connected(f"unix://{server.socket}", timeout=5) as connection:
        await asyncio.gather(*(connection.ping() for _ in range(5)))
        assert len(await mine.redis.client_list()) > 2
    for _ in range(500):
        await asyncio.sleep(0.01)  # for the server to hear it
        if len(left := await mine.redis.client_list(_type="normal")) <= 2:  # ours, and the fixture's of the server
            break
    assert len(left) <= 2


async def test_a_setting_that_may_not_be_read_is_unknown(mine: Connection, server: Server) -> None:
    await mine.redis.acl_setuser(
        "latch", enabled=True, passwords=["+right"], categories=["+@all"], commands=["-config"], keys=["*"]
    )
    async with connected(f"unix://latch:right@{server.socket}", timeout=5) as restricted:
        [[found], _] = await survey(restricted)
        assert (found.policy, found.persistent) == ("noeviction", True)
        await mine.redis.config_set("appendonly", "no")
        [[found], _] = await survey(restricted)
        assert (found.policy, found.persistent) == ("noeviction", None)
