"""Pipelines to real servers: each caller hears its own answer, whatever becomes of connections and other callers."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.errors import ServiceUnavailable
from service.stores.redis.connection import Connection
from service.stores.redis.pipeline import MOST
from service.stores.redis.scripts import Script
from tests.stores.conftest import SOON, Place
from tests.stores.flaky_proxy import FAULTS, FlakyProxy
from tests.stores.redis.test_connection import Server, connected, eventually_blocked, mine, server

pytestmark = pytest.mark.slow

__all__ = ["mine", "server"]  # fixtures

CALLERS = 300
LIMIT = 0.7  # seconds
SAY = Script("say", repeatable=True, source="return ARGV[1]")
COUNT = Script("count", repeatable=False, source="return redis.call('INCR', KEYS[1])")

# --- A network that fails at random ---------------------------------------------------------------------------------


class Callers:
    """People who each ask one thing, and may go away before they hear. What each hears is told in `heard`."""

    def __init__(self, connection: Connection, luck: random.Random) -> None:
        self._connection = connection
        self._luck = luck
        self.heard: dict[int, str] = {}
        self.counted: dict[int, bool] = {}  # who asked for what must not be done twice, and was told that it is done

    async def all(self, numbers: range) -> None:
        asking = [asyncio.create_task(self._one(number)) for number in numbers]
        loop = asyncio.get_running_loop()
        for task in asking:
            if self._luck.random() < 0.2:
                loop.call_later(self._luck.random() * 0.1, task.cancel)
        await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), LIMIT + SOON)
        for task in asking:
            if not task.cancelled():
                task.result()

    async def _one(self, number: int) -> None:
        await asyncio.sleep(self._luck.random() * 0.1)
        ask = self._luck.choice([self._values, self._values, self._echo, self._script, self._count])
        start = time.monotonic()
        try:
            await ask(number)
            self.heard[number] = "its own"
        except ServiceUnavailable:
            self.heard[number] = "unavailable"
        assert time.monotonic() - start < LIMIT + SOON

    async def _values(self, number: int) -> None:
        keys = [f"{number}:{n}" for n in range(1 + number % 3)]
        assert await self._connection.values(*keys) == [f"of {key}".encode() for key in keys]

    async def _echo(self, number: int) -> None:
        assert await self._connection.read("ECHO", str(number)) == str(number).encode()

    async def _script(self, number: int) -> None:
        assert await self._connection.run(SAY, ["key"], [f"for {number}"]) == f"for {number}".encode()

    async def _count(self, number: int) -> None:
        self.counted[number] = False
        connection, key = self._connection, f"n{number}"
        assert await (connection.run(COUNT, [key], []) if number % 2 else connection.write("INCR", key)) == 1
        self.counted[number] = True


@pytest.mark.parametrize("seed", range(6))
async def test_each_hears_its_own_answer_or_503_over_a_network_that_fails_at_random(
    redis_server: str, connection: Connection, seed: int
) -> None:
    luck = random.Random(seed)
    weights = [80, 4, 6, 5, 5, 0.5]
    proxy = FlakyProxy(redis_server.removeprefix("unix://"), lambda: luck.choices(["", *FAULTS], weights)[0])
    rounds = [range(start, start + CALLERS) for start in range(0, 7 * CALLERS, CALLERS)]
    await connection.redis.mset({f"{n}:{m}": f"of {n}:{m}" for n in range(7 * CALLERS) for m in range(3)})
    async with proxy.running() as url, connected(url, timeout=LIMIT) as through_proxy:
        callers = Callers(through_proxy, luck)
        for numbers in rounds[:2]:
            await connection.redis.script_flush()
            await callers.all(numbers)
        proxy.fault = lambda: ""
        for numbers in rounds[2:]:  # what was on its way when the network was mended may still be lost
            await callers.all(numbers)
            heard = [callers.heard[number] for number in numbers if number in callers.heard]
            if set(heard) == {"its own"}:
                break
    assert set(heard) == {"its own"}
    assert proxy.connections > 4
    for number, is_told in callers.counted.items():
        found = int(await connection.redis.get(f"n{number}") or 0)
        assert found <= 1, "never done twice"
        assert found or not is_told


# --- A server that drops connections --------------------------------------------------------------------------------


async def ask_until(done: asyncio.Event, connection: Connection, number: int) -> list[bool]:
    """One caller that asks on and on: whether it was served, each time."""
    served: list[bool] = []
    while not done.is_set() or not served or not served[-1]:
        try:
            assert await connection.values(f"key {number}", "none") == [f"{number}".encode(), None]
            assert await connection.read("ECHO", f"{number}") == f"{number}".encode()
            served.append(True)
        except ServiceUnavailable:
            served.append(False)
            await asyncio.sleep(0.01)
    return served


async def asked_meanwhile(
    connection: Connection, trouble: Callable[[], Awaitable[object]], operator: Connection
) -> list[bool]:
    await operator.redis.mset({f"key {number}": f"{number}" for number in range(30)})
    done = asyncio.Event()
    asking = [asyncio.create_task(ask_until(done, connection, number)) for number in range(30)]
    await trouble()
    done.set()
    return [was for served in await asyncio.wait_for(asyncio.gather(*asking), 20) for was in served]


async def test_readers_notice_nothing_of_connections_that_are_killed(mine: Connection, server: Server) -> None:
    async def kill() -> None:
        for _ in range(20):
            await asyncio.sleep(0.03)
            await mine.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")  # type: ignore[no-untyped-call]

    async with connected(f"unix://{server.socket}", timeout=10) as connection:
        served = await asked_meanwhile(connection, kill, mine)
    assert served.count(True) > served.count(False)


async def test_readers_are_served_again_when_the_server_is_back(mine: Connection, server: Server) -> None:
    async def restart() -> None:
        await asyncio.sleep(0.05)
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(0.1)
        await asyncio.to_thread(server.start)

    async with connected(f"unix://{server.socket}", timeout=2) as connection:
        served = await asked_meanwhile(connection, restart, mine)
    assert False in served


async def test_a_close_fails_whoever_waits_and_leaves_no_connection(connection: Connection, redis_server: str) -> None:
    async def left() -> list[Any]:
        return [client for client in await connection.redis.client_list() if client["name"] == "closing"]

    async with connected(f"{redis_server}?client_name=closing", timeout=10) as closing:
        asked = [asyncio.ensure_future(closing.read("BLPOP", "nothing", "0"))]
        await eventually_blocked(connection)
        asked += [asyncio.ensure_future(closing.read("ECHO", "late")) for _ in range(200)]
        await asyncio.sleep(0)
        assert await left()
        await closing.close()
        for task in asked:
            with pytest.raises(ServiceUnavailable):
                await task
        for ask in (closing.ping, lambda: closing.values("key")):
            with pytest.raises(ServiceUnavailable):
                await ask()
        async with asyncio.timeout(SOON):
            while await left():  # noqa: ASYNC110 - what the server knows of
                await asyncio.sleep(0.001)


async def test_who_is_not_let_in_is_told_so_at_once_and_all_who_wait_with_him(mine: Connection, server: Server) -> None:
    for url in (f"unix://latch:wrong@{server.socket}", f"unix://{server.socket}?db=99"):
        async with connected(url, timeout=10) as connection:
            for _ in range(2):
                asked = [connection.values("key"), connection.ping(), connection.write("INCR", "n")]
                asked += [connection.values(f"key {n}") for n in range(20)]
                found = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), SOON)
                assert {type(what) for what in found} == {ServiceUnavailable}
    assert await mine.redis.get("n") is None


# --- On every kind of Redis -----------------------------------------------------------------------------------------


async def test_reads_of_many_users_asked_at_once_are_each_their_own(
    place: Place, redis: Any, connection_of_latch: Connection
) -> None:
    users = range(3 * MOST)
    for user in users:
        await redis.set(f"session:{{{user}}}:a", f"of {user}")
    for _ in range(3):
        asked = [connection_of_latch.values(f"session:{{{n}}}:a", f"sessions:{{{n}}}") for n in users]
        got = [connection_of_latch.read("GET", f"session:{{{n}}}:a") for n in users]
        assert await asyncio.gather(*asked) == [[f"of {n}".encode(), None] for n in users]
        assert await asyncio.gather(*got) == [f"of {n}".encode() for n in users]


async def test_callers_that_go_away_leave_nobody_their_answers_on_any_kind(
    place: Place, redis: Any, connection_of_latch: Connection
) -> None:
    luck, users = random.Random(1), range(100)
    for user in users:
        await redis.set(f"session:{{{user}}}:a", f"of {user}")
    for _ in range(10):
        asked = [asyncio.ensure_future(connection_of_latch.values(f"session:{{{n}}}:a")) for n in users]
        for _ in range(luck.randrange(8)):
            await asyncio.sleep(0)
        leavers = {n for n in users if luck.random() < 0.5}
        for n in leavers:
            asked[n].cancel()
        for n, found in enumerate(await asyncio.gather(*asked, return_exceptions=True)):
            assert found == [f"of {n}".encode()] or n in leavers
