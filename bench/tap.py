"""A tap between Latch and a store: hands on what either says and notes when, for round trips that can be counted.

Counted is how often the turn to speak changes, over all connections together: what is asked at once, on one connection
or several, is one round trip. A store on the same machine may answer the first question before the second, which does
not wait for it, is out; so while round trips are counted, answers come as late as from another machine.
"""

import asyncio
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from types import TracebackType
from typing import Protocol, Self

import hiredis

from service.stores.limits import SPEND
from service.stores.scripts import LUA, Script

CHUNK = 1 << 16
STATEMENTS = {b"E", b"Q"}  # Execute, Query
OTHER_SCRIPT = "limits"  # those of the limits library
TEXTS = {
    **{Script(path.stem, repeatable=False).source: path.stem for path in sorted(LUA.glob("*.lua"))},
    SPEND.source: OTHER_SCRIPT,
}
KNOWN = {sha1(text.encode(), usedforsecurity=False).hexdigest(): name for text, name in TEXTS.items()}


class Reader(Protocol):
    """Takes a store's protocol to pieces."""

    def asked(self, data: bytes) -> list[str]:
        """The names of the commands that are complete now."""


class RedisReader:
    """A request has the form of an answer: an array of strings."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()

    def asked(self, data: bytes) -> list[str]:
        self._reader.feed(data)
        names: list[str] = []
        while (words := self._reader.gets()) is not False:
            names.append(_name(words))
        return names


def _name(words: Sequence[bytes]) -> str:
    command = words[0].decode().upper()
    if command == "EVAL":
        return _learnt(words[1].decode())
    return KNOWN.get(words[1].decode(), OTHER_SCRIPT) if command == "EVALSHA" else command


def _learnt(source: str) -> str:
    """The name of a script that is sent whole: it may be several in one, and goes by its digest from now on."""
    places = sorted((source.find(text), name) for text, name in TEXTS.items() if text in source)
    name = ", ".join(name for _, name in places) or OTHER_SCRIPT
    KNOWN[sha1(source.encode(), usedforsecurity=False).hexdigest()] = name
    return name


class PostgresReader:
    """Messages of PostgreSQL's protocol 3: a letter and a length, but for the first one, which has no letter."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False

    def asked(self, data: bytes) -> list[str]:
        self._rest += data
        names: list[str] = []
        while len(self._rest) >= (head := 5 if self._begun else 4):
            [length] = struct.unpack("!I", self._rest[head - 4 : head])
            whole = head - 4 + length
            if len(self._rest) < whole:
                break
            if self._begun and self._rest[:1] in STATEMENTS:
                names.append(self._name(self._rest[5:whole]))
            self._begun = True
            self._rest = self._rest[whole:]
        return names

    def _name(self, content: bytes) -> str:
        """A simple query tells its first word; a prepared one has told it before."""
        return f"PostgreSQL: {content.split()[0].decode()}" if self._rest[:1] == b"Q" else "PostgreSQL"


@dataclass(frozen=True, slots=True)
class Event:
    """Somebody spoke: Latch with these commands, or the store (`names` is None)."""

    at: float
    names: tuple[str, ...] | None


@dataclass
class Tap:
    """Listens on `port` while the block runs, in a thread of its own, and hands on to a Unix socket."""

    socket: str
    read: Callable[[], Reader]
    port: int = 0
    delay: float = 0.0  # seconds that an answer is kept back
    events: list[Event] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), name="tap", daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def take(self) -> list[Event]:
        """What was noted since the last time."""
        taken, self.events = self.events, []
        return taken

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._loop.call_soon(ready.set)
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_unix_connection(self.socket)
        reader = self.read()

        async def forth() -> None:
            while data := await client.read(CHUNK):
                self.events.append(Event(time.perf_counter(), tuple(reader.asked(data))))
                to_server.write(data)

        async def back() -> None:
            while data := await server.read(CHUNK):
                await asyncio.sleep(self.delay)
                self.events.append(Event(time.perf_counter(), None))
                to_client.write(data)

        both = [asyncio.create_task(forth()), asyncio.create_task(back())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            to_server.close()
            to_client.close()
