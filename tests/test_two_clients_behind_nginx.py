"""Two clients behind the shipped nginx configuration, which keeps connections to Latch: each hears only its own.

Between nginx and Latch a relay delivers bytes as a network does, 1,448 at a time: bodies come after their heads.
"""

import asyncio
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Self

import httpx
import pytest

from tests.client import BASE, bearer
from tests.gateways.programs import NGINX, backend, started
from tests.processes import Service, free_port
from tests.programs import needs

SEGMENT = 1448  # bytes of a TCP segment on Ethernet
PAUSE = 0.001  # seconds between two
ROUNDS = 40

pytestmark = needs("nginx", "two clients behind it")


class Relay:
    """Between a port of its own and Latch's, a segment at a time."""

    def __init__(self, latch: int) -> None:
        self.port = free_port()
        self.head = 0  # bytes of the last head that a segment began with
        self._latch = latch
        self._tasks: set[asyncio.Task[None]] = set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError):
            while data := await reader.read(SEGMENT):
                if data.startswith(b"POST "):
                    self.head = data.find(b"\r\n\r\n") + 4
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(PAUSE)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._latch)
        for one in (self._carry(reader, far_writer), self._carry(far_reader, writer)):
            self._tasks.add(task := asyncio.create_task(one))
            task.add_done_callback(self._tasks.discard)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the last connections are closed in a turn of the loop of their own


def request_of_one_segment(token: str) -> bytes:
    lines = (
        f"GET {BASE}/authorizations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nX-Fill: %b\r\n\r\n".encode()
    )
    return lines % (b"x" * (SEGMENT - len(lines) + 2))


async def attack(client: httpx.AsyncClient, relay: Relay, token: str) -> None:
    """Bodies whose segments are requests, to an address that is answered before its body is read."""
    for _ in range(ROUNDS):
        body = b"x" * (-relay.head % SEGMENT) + request_of_one_segment(token) * 9
        response = await client.post(f"{BASE}/nothing", content=body)
        assert response.status_code == 404, response.text


async def watch(client: httpx.AsyncClient, tokens: dict[str, object]) -> None:
    """Checks and names, of one person."""
    for _ in range(3 * ROUNDS):
        checked = await client.get(f"{BASE}/authorizations", headers=bearer(str(tokens["token"])))
        assert (checked.status_code, checked.json()["data"]["user_id"]) == (200, tokens["user_id"])
        unknown = await client.get(f"{BASE}/authorizations")
        assert unknown.status_code == 401


@pytest.mark.slow
async def test_two_clients_hear_only_their_own() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="latch-") as name,
        Service(Path(name) / "data") as latch,
        backend() as other,
    ):
        mine, theirs = (latch.log_in(mobile) for mobile in ("13800138000", "13900139000"))
        async with Relay(latch.port) as relay:
            with started(NGINX, Path(name), relay.port, other, other) as client:
                url = str(client.base_url)
                async with (
                    httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as one,
                    httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as two,
                ):
                    await asyncio.gather(attack(one, relay, mine["token"]), watch(two, theirs))
