"""A rehearsal in the test's own process: the real app, the real network, and clients on the same event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from service.rehearsal import report
from service.rehearsal.listener import Listener
from service.rehearsal.network import Network
from service.rehearsal.report import Outcome
from service.rehearsal.runs import CODE, FIRST_NUMBER, Runs
from service.rehearsal.sessions import SessionDeeds
from service.rehearsal.upstream import Upstream
from service.stores.redis.connection import Connection
from tests.clients.reference_client import Client
from tests.clients.reference_driver import rehearse
from tests.conftest import Start

MOST = 40  # runs
SEED = 1
LONGEST = 40.0  # seconds, of a good client on a busy machine
Rehearse = Callable[..., Awaitable[Outcome]]


@pytest.fixture
async def serve(start: Start, connection: Connection) -> AsyncIterator[Callable[[Runs], Awaitable[str]]]:
    """Serve these runs, and answer where."""
    codes = ",".join(f"{FIRST_NUMBER + number}={CODE}" for number in range(MOST))
    api = await start(test_codes=codes, audit_days=0)
    upstream = Upstream(api.port)
    listeners: list[Listener] = []

    async def serving(runs: Runs) -> str:
        listeners.append(Listener(runs, Network(upstream, SessionDeeds(connection))))
        sock = socket.create_server(("127.0.0.1", 0))
        await listeners[-1].start(sock)
        return f"http://127.0.0.1:{sock.getsockname()[1]}"

    yield serving
    for listener in listeners:
        await listener.stop()
    upstream.close()


@pytest.fixture
def rehearsed(serve: Callable[[Runs], Awaitable[str]]) -> Rehearse:
    """Have this client go through so many runs of a script at once, and judge it."""

    async def rehearsing(kind: type[Client], *scripts: str, runs: int = 4, seconds: float = LONGEST) -> Outcome:
        wanted = Runs(SEED, runs, scripts)
        address = await serve(wanted)
        tasks = [run.task(address) for run in iter(wanted.next, None)]
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            driving = [asyncio.create_task(rehearse(http, kind, task)) for task in tasks]
            _, late = await asyncio.wait(driving, timeout=seconds)
            for task in late:
                task.cancel()
            outcomes = await asyncio.gather(*driving, return_exceptions=True)
        assert [error for error in outcomes if isinstance(error, Exception)] == []
        return report.outcome(SEED, runs, wanted.all(), [])

    return rehearsing
