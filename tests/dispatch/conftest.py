"""A receiver of webhooks on this machine, and a dispatcher of a test's own."""

import asyncio
import base64
import json
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from standardwebhooks import Webhook

from config import Settings
from service.dispatch.dispatcher import Dispatcher
from service.dispatch.receiver import Stores
from service.stores.dead_letters import DeadLetterStore
from service.stores.deliveries import DeliveryStore
from service.stores.outbox import appending
from service.stores.redis.connection import Connection
from service.webhooks import Attempt

SECRET = "whsec_" + base64.b64encode(b"a key of thirty-two bytes exactly").decode()
KEPT = 100_000


class Receiver:
    """Verifies what it is posted, keeps it, and answers what it is told to: a status, or an exception to hang up."""

    def __init__(self) -> None:
        self.statuses: Callable[[dict[str, Any]], int] = lambda _: 204
        self.head = ""  # more lines of it
        self.body = b""
        self.seconds = 0.0  # that an answer takes
        self.taken: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.under_way = self.most_under_way = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/hook?token=hush"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server:
            self._server.close()
        running = set(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.asked.append({**headers, "first": first})
        event = Webhook(SECRET).verify(body, headers)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.under_way -= 1
        status = self.statuses(event)
        if 200 <= status < 300:
            self.taken.append({**event, "id": headers["webhook-id"]})
        length = f"Content-Length: {len(self.body)}\r\n" if status != 204 else ""
        writer.write(f"HTTP/1.1 {status} Whatever\r\n{length}{self.head}\r\n".encode() + self.body)
        await writer.drain()

    def numbers(self) -> dict[str, list[int]]:
        """The numbers of the events of each user as they came first."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for event in self.taken:
            if event["data"]["number"] not in found[event["data"]["user_id"]]:
                found[event["data"]["user_id"]].append(event["data"]["number"])
        return dict(found)


class Counts:
    """Who counts."""

    def __init__(self) -> None:
        self.attempts: Counter[str] = Counter()
        self.looks: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.backlog: dict[str, tuple[int, float | None]] = {}

    def expect(self, receiver: str) -> None:
        self.looks[receiver] = 0

    def looked(self, receiver: str) -> None:
        self.looks[receiver] += 1

    def attempted(self, receiver: str, attempt: Attempt) -> None:
        self.attempts[f"{receiver} {attempt.words}"] += 1

    def given_up(self, receiver: str) -> None:
        self.dead[receiver] += 1

    def lost(self, receiver: str, count: int) -> None:
        self.missed[receiver] += count

    def waiting(self, receiver: str, count: int, oldest_at: float | None) -> None:
        self.backlog[receiver] = count, oldest_at


async def append(connection: Connection, users: Sequence[int], numbers: Sequence[int], most: int = KEPT) -> None:
    """Write an event with each of these numbers for each of these users."""
    for number in numbers:
        entries = [f"= login {user} {json.dumps({'user_id': str(user), 'number': number})}" for user in users]
        for start in range(0, len(entries), 50):
            await connection.run(*appending(most, 1_700_000_000.5, entries[start : start + 50], "1"))


async def until(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for it."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - of many things
            await asyncio.sleep(0.01)


Open = Callable[[], Awaitable[Receiver]]
Dispatch = Callable[..., Dispatcher]


@pytest.fixture
async def open_receiver(loop: Any) -> AsyncIterator[Open]:
    opened: list[Receiver] = []

    async def open_one() -> Receiver:
        receiver = Receiver()
        opened.append(receiver)
        await receiver.open()
        return receiver

    yield open_one
    for receiver in opened:
        await receiver.close()


@pytest.fixture
async def receiver(open_receiver: Open) -> Receiver:
    return await open_receiver()


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
async def dispatch(
    connection: Connection, make_settings: Callable[..., Settings], counts: Counts
) -> AsyncIterator[Dispatch]:
    """Start a dispatcher to these URLs; it is stopped after the test."""
    begun: list[Dispatcher] = []

    def begin(*urls: str, clock: Any = None, **overrides: Any) -> Dispatcher:
        settings = make_settings(webhook_urls=urls, webhook_secret=SECRET, **overrides)
        stores = Stores(DeliveryStore(connection), DeadLetterStore(connection))
        dispatcher = Dispatcher(settings, stores, counts, clock or now)
        begun.append(dispatcher)
        dispatcher.start()
        return dispatcher

    yield begin
    for dispatcher in begun:
        await dispatcher.stop()


def now() -> float:
    """The clock of Redis, which names the entries."""
    return time.time()
