"""What goes out together on a connection, and that nobody is hurt by what others ask."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.errors import ServiceUnavailable
from service.stores.redis.connection import Connection
from service.stores.redis.pipeline import MOST
from service.stores.redis.scripts import Script
from tests.stores.redis.test_connection import Server, connected, mine, server
from tests.stores.redis.test_pipeline import SAY

__all__ = ["mine", "server"]  # fixtures


@pytest.fixture
async def counting(connection: Connection) -> Callable[[], Awaitable[int]]:
    """How many commands MGET there were."""
    await connection.redis.config_resetstat()

    async def count() -> int:
        stats: dict[str, Any] = await connection.redis.info("commandstats")
        return int(stats.get("cmdstat_mget", {}).get("calls", 0))

    return count


async def test_the_checks_of_many_callers_are_one_command_and_no_more_than_128_at_once(
    connection: Connection, counting: Callable[[], Awaitable[int]]
) -> None:
    await connection.redis.mset({f"key {n}": f"{n}" for n in range(3 * MOST)})
    for callers, commands in ((1, 1), (MOST, 1), (MOST + 1, 2), (3 * MOST, 3)):
        before = await counting()
        found = await asyncio.gather(*(connection.values(f"key {n}", "none") for n in range(callers)))
        assert found == [[f"{n}".encode(), None] for n in range(callers)]
        assert await counting() - before == commands


async def test_a_reader_that_may_not_read_its_key_hurts_nobody_else(mine: Connection, server: Server) -> None:
    await mine.redis.mset({f"open {n}": f"{n}" for n in range(60)})
    await mine.redis.acl_setuser("latch", enabled=True, passwords=["+right"], categories=["+@all"], keys=["open*"])
    async with connected(f"unix://latch:right@{server.socket}", timeout=5) as connection:
        asked = [connection.values("closed" if n % 20 == 7 else f"open {n}") for n in range(60)]
        for n, found in enumerate(await asyncio.gather(*asked, return_exceptions=True)):
            if n % 20 == 7:
                assert isinstance(found, ServiceUnavailable)
            else:
                assert found == [f"{n}".encode()]


async def test_a_value_that_cannot_be_written_hurts_nobody_else(connection: Connection) -> None:
    await connection.redis.mset({f"key {n}": f"{n}" for n in range(20)})
    bad = "\ud800"
    asked = [connection.values(bad if n % 10 == 3 else f"key {n}") for n in range(20)]
    said = [connection.read("ECHO", bad if n % 10 == 3 else f"{n}") for n in range(20)]
    for n, found in enumerate(await asyncio.gather(*asked, return_exceptions=True)):
        assert isinstance(found, UnicodeEncodeError) if n % 10 == 3 else found == [f"{n}".encode()]
    for n, echo in enumerate(await asyncio.gather(*said, return_exceptions=True)):
        assert isinstance(echo, UnicodeEncodeError) if n % 10 == 3 else echo == f"{n}".encode()


async def test_a_command_that_fails_hurts_nobody_else(connection: Connection) -> None:
    wrong = Script("wrong", repeatable=False, source="return redis.error_reply('WRONGTYPE of ' .. ARGV[1])")
    asked = [
        connection.run(wrong if n % 10 == 3 else SAY, ["key"], [f"{n}"]) for n in range(2 * MOST)
    ]  # the server knows neither of them yet
    for n, found in enumerate(await asyncio.gather(*asked, return_exceptions=True)):
        assert str(found) == f"WRONGTYPE of {n}" if n % 10 == 3 else found == f"{n}".encode()
