"""A connection to Redis, opened by redis-py and then read by hand: its streams cost more than the answers.

Opening it (TLS, password, database, Sentinel's master) and taking answers to pieces (hiredis) stay redis-py's. The two
attributes of its connection that are used here are not public; a test tells when they move.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

Tell = Callable[[Any], None]  # is told each answer, in their order; errors of the server as exceptions


class RedisTransport(asyncio.Protocol):
    """Takes the place of the streams of a connection that has just been opened.

    When an answer is not one, comes unasked for, or cannot be handed on, nobody can tell whose the next would be: the
    connection is cut.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        opened: Any = connection
        self._transport: asyncio.Transport = opened._writer.transport  # noqa: SLF001 - see above
        self._reader = opened._parser._reader  # noqa: SLF001 - see above
        self._nothing = self._reader.gets()
        self._streams = self._transport.get_protocol()  # is told of the end, for whoever waits for it there
        self._transport.set_protocol(self)
        self._loop = asyncio.get_running_loop()  # kept: asking for it is a system call until Python 3.12
        self._is_lost = False
        self._tell: Tell = _to_nobody
        self._due = 0
        self._all: asyncio.Future[None] | None = None
        self._error: Exception | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can be written to, as far as is known."""
        return not self._is_lost and not self._transport.is_closing()

    async def send(self, data: bytes, due: int, tell: Tell) -> None:
        """Write, and return when each of the answers has been told. Raises what has cut the connection."""
        if not self.is_open:
            raise RedisConnectionError("closed")
        self._due, self._tell, self._error = due, tell, None
        self._all = self._loop.create_future()
        self._transport.write(data)
        await self._all
        if self._error:
            raise self._error

    def data_received(self, data: bytes) -> None:
        """Tell what has come whole. Where it is much, `send` is woken before those who are told.

        So the next batch goes out first, and Redis has something to do while they go on. One alone waits for nobody.
        """
        answers: list[Any] = []
        try:
            self._take(data, answers)
            if self._due == 0 and len(answers) > 1:
                self._wake()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to who waits
            self._fail(error)
        try:
            for answer in answers:
                self._tell(answer)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)
        if self._due == 0:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        self._is_lost = True
        if self._all is not None and not self._all.done():
            self._fail(RedisConnectionError("closed"))
        self._streams.connection_lost(exc)

    def _take(self, data: bytes, answers: list[Any]) -> None:
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not self._nothing:
            if self._due == 0:
                raise RedisConnectionError("out of step")
            self._due -= 1
            answers.append(answer)

    def _wake(self) -> None:
        if self._all is not None and not self._all.done():
            self._all.set_result(None)

    def _fail(self, error: Exception) -> None:
        self._error = error
        self._transport.abort()
        self._wake()


def _to_nobody(_answer: Any) -> None:
    """Nothing has been asked yet."""
