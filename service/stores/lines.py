"""Lines to Redis servers: on each, the commands of many callers go out in one write, and answers come back in order.

Most of what a command costs is not Redis' work but the client's, and most of that is the same for one as for many. The
connection, its handshake and the parser are redis-py's. When an answer cannot be read the connection is given up, and
with it all answers that are still to come on it: none ever reaches the caller before or after.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, Protocol

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, NoScriptError, RedisError, ResponseError

from service.stores.gathering import Asked, Gathering

MGET = "MGET"
RETRIES = 2
MOST = 128  # commands in one batch
BROKEN = (RedisConnectionError, OSError)

log = logging.getLogger(__name__)


class Command(NamedTuple):
    """What one caller asks of Redis. `repeatable`: doing it twice does what doing it once does.

    `whole` is what is sent instead where the server does not know the script that `arguments` name by its digest.
    """

    key: str
    arguments: Sequence[Any]
    repeatable: bool
    whole: Sequence[Any] | None = None


Calls = Sequence[Asked[Command, Any]]


class _Message(NamedTuple):
    """One command as it goes over the wire. An MGET may be that of many callers."""

    arguments: Sequence[Any]
    calls: Calls

    def answer(self, values: Any) -> None:
        if len(self.calls) == 1:
            self.calls[0].answer(values)
            return
        start = 0
        for call in self.calls:
            end = start + len(call.item.arguments) - 1
            call.answer(values[start:end])
            start = end

    def one_by_one(self) -> "list[_Message]":
        """The same for each caller by itself."""
        return [_Message(call.item.arguments, [call]) for call in self.calls]


class Line:
    """One connection, made by `make` when it is first needed and anew after each that broke or was cut off.

    `merge`: there are MGETs alone, and those of many callers become one, which a Cluster does not allow.
    """

    def __init__(self, make: Callable[[], AbstractConnection], *, merge: bool, retries: int = RETRIES) -> None:
        self._make = make
        self._merge = merge
        self._connection: AbstractConnection | None = None
        self._retry = patience(retries)

    async def carry(self, calls: Calls) -> None:
        """Answer every call, or fail it."""
        try:
            await self._retry.call_with_retry(partial(self._exchange, calls), partial(self._broken, calls))
        except Exception as error:  # noqa: BLE001 - it is the callers' to handle
            for call in calls:
                call.fail(copy(error))
            await self._give_up()
        except BaseException:
            await self._give_up()
            raise

    async def close(self) -> None:
        """Close the connection; the next batch opens another."""
        if connection := self._taken():
            with suppress(OSError, RedisError, RuntimeError):
                await connection.disconnect()

    async def _exchange(self, calls: Calls) -> None:
        if all(call.is_over for call in calls):
            return
        try:
            connection = await self._connected()
            messages = self._merged([call for call in calls if not call.is_over])
            while messages:
                packed, sent = _pack(messages)
                await connection.send_packed_command(packed, check_health=False)
                messages = [again for message in sent for again in await _read(connection, message)]
        except RuntimeError as error:  # of a transport that was closed meanwhile
            raise RedisConnectionError("closed") from error

    async def _broken(self, calls: Calls, error: Exception) -> None:
        """Before the next try: fail what must not be sent again."""
        log.debug("redis: trying again after %s", type(error).__name__)
        await self._give_up()
        for call in calls:
            if not call.item.repeatable:
                call.fail(copy(error))

    async def _give_up(self) -> None:
        """Leave the connection, whatever may still come on it. Waits for nothing."""
        if connection := self._taken():
            with suppress(OSError, RedisError, RuntimeError):
                await connection.disconnect(nowait=True)

    def _taken(self) -> AbstractConnection | None:
        connection, self._connection = self._connection, None
        return connection

    async def _connected(self) -> AbstractConnection:
        connection = self._connection = self._connection or self._make()
        if connection.is_connected and await connection.can_read():  # the server has closed it, or it is out of step
            await connection.disconnect(nowait=True)
        if not connection.is_connected:
            await connection.connect()  # type: ignore[no-untyped-call]
        return connection

    def _merged(self, calls: Calls) -> list[_Message]:
        if self._merge and len(calls) > 1:
            return [_Message([MGET, *chain.from_iterable(call.item.arguments[1:] for call in calls)], calls)]
        return [_Message(call.item.arguments, [call]) for call in calls]


def _pack(messages: Sequence[_Message]) -> tuple[bytes, list[_Message]]:
    """The bytes to be sent, and whose answers will come. What cannot be told in bytes fails by itself.

    Packed by hiredis itself: redis-py's own packing of a batch takes several times as long.
    """
    packed: list[bytes] = []
    sent: list[_Message] = []
    for message in messages:
        try:
            packed.append(pack_command(tuple(message.arguments)))
            sent.append(message)
        except (TypeError, ValueError) as error:  # the latter: half of a surrogate pair
            if len(message.calls) == 1:
                message.calls[0].fail(error if isinstance(error, ValueError) else DataError(str(error)))
                continue
            rest, others = _pack(message.one_by_one())
            packed.append(rest)
            sent += others
    return b"".join(packed), sent


async def _read(connection: AbstractConnection, message: _Message) -> list[_Message]:
    """Read one answer and hand it on. Answers what is to be sent instead, where the server refused it for now."""
    try:
        message.answer(await connection.read_response())
    except NoScriptError as error:
        [call] = message.calls
        if call.item.whole:
            return [_Message(call.item.whole, message.calls)]
        call.fail(error)
    except ResponseError as error:
        if len(message.calls) > 1:  # one of them may be to blame: each by itself
            return message.one_by_one()
        message.calls[0].fail(error)
    return []


class Lines(Protocol):
    """The lines to all servers there are."""

    count: int  # how many there may be at once

    def ask(self, command: Command, seconds: float) -> "asyncio.Future[Any]":
        """The answer, or what redis-py raises. TimeoutError after `seconds`."""

    async def close(self) -> None:
        """Close every line. Whoever waits fails."""


class LinesToOne:
    """Two lines to one server: checks never wait behind a batch of scripts.

    `timeout` in seconds holds for all that one batch takes: connecting, its answers, and the repeats of what may be
    repeated.
    """

    def __init__(
        self, make: Callable[[], AbstractConnection], *, timeout: float, merge: bool = True, retries: int = RETRIES
    ) -> None:
        self._lines = [Line(make, merge=mine, retries=retries) for mine in (merge, False)]
        self.count = len(self._lines)
        reads, others = self._lines
        self._reads = Gathering(reads.carry, most=MOST, limit=timeout)
        self._others = Gathering(others.carry, most=MOST, limit=timeout, waits_a_turn=True)

    def ask(self, command: Command, seconds: float) -> "asyncio.Future[Any]":
        """See `Lines`."""
        gathering = self._reads if command.arguments[0] == MGET else self._others
        return gathering.ask(command, seconds)

    async def close(self) -> None:
        """See `Lines`."""
        for gathering in (self._reads, self._others):
            await gathering.close()
        for line in self._lines:
            await line.close()


def patience(retries: int = RETRIES) -> Retry:
    """How soon and how often to try again after a broken connection."""
    kinds: Any = BROKEN  # redis-py names its own alone
    return Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), retries, supported_errors=kinds)
