"""Pipelined connections: the commands of many callers go out in one write, and replies come back in order.

Most of what a command costs is not Redis' work but the client's, and most of that is the same for one as for many. The
connection and its handshake are redis-py's, and hiredis parses (`transport.py`). When an answer cannot be read the
connection is given up, and with it all answers that are still to come on it: none ever reaches the caller before or
after.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from functools import partial
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from service.stores.redis.commands import Call, Message, deliver, encode, merge_mgets, one_per_call
from service.stores.redis.refusals import is_demoted, is_switched_off
from service.stores.redis.transport import RedisTransport

RETRIES = 2
BROKEN = (RedisConnectionError, OSError)

Calls = Sequence[Call]

log = logging.getLogger(__name__)


class NotTheMaster(RedisConnectionError):
    """A replica has answered, which was the master once. Who has no answer yet may ask again: nothing was done."""


class PipelinedConnection:
    """One connection, made by `make` when it is first needed and anew after each that broke or was cut off.

    `merge`: there are MGETs alone, and those of many callers become one, which a Cluster does not allow. `limit` is in
    seconds, for opening it: that goes on when the batch that began it has no time left, so that a server far away is
    reached in the end. `opened` is called then, and `demoted` when the server turns out to be a replica.
    """

    opened: Callable[[], None]
    demoted: Callable[[], None]

    def __init__(
        self,
        make: Callable[[], AbstractConnection],
        *,
        merge: bool,
        limit: float,
        retries: int = RETRIES,
    ) -> None:
        self._make = make
        self._merge = merge
        self._limit = limit
        self._connection: AbstractConnection | None = None
        self._transport: RedisTransport | None = None
        self._opening: asyncio.Task[RedisTransport] | None = None
        self._is_left = False
        self._by_text = False
        self._retry = patience(retries)

    async def flush(self, calls: Calls) -> None:
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

    def leave(self) -> None:
        """Have the next batch open another connection: this one leads to a replica."""
        self._is_left = True

    async def close(self) -> None:
        """Close the connection; the next batch opens another."""
        if self._opening:
            self._opening.cancel()
            await asyncio.wait({self._opening})
        if connection := self._taken():
            with suppress(OSError, RedisError, RuntimeError):
                await connection.disconnect()

    async def _exchange(self, calls: Calls) -> None:
        waiting = [call for call in calls if not call.future.done()]
        if not waiting:
            return
        transport = self._transport
        if transport is None or self._is_left or not transport.is_open:  # the server has closed it
            transport = await self._connected()
            self.opened()
            waiting = [call for call in waiting if not call.future.done()]
        messages = merge_mgets(waiting) if self._merge else one_per_call(waiting, by_text=self._by_text)
        while messages:
            data, sent = encode(messages)
            messages = await self._round_trip(transport, data, sent) if sent else []

    async def _round_trip(self, transport: RedisTransport, data: bytes, sent: Sequence[Message]) -> list[Message]:
        """Send these and deliver their replies. Returns what to send instead of those that were refused for now.

        Raises NotTheMaster when all have been heard and some were refused by a replica.
        """
        instead: list[Message] = []
        left = iter(sent)

        def tell(answer: Any) -> None:
            if more := deliver(next(left), answer):
                instead.extend(more)
                self._by_text |= is_switched_off(answer)
                if is_demoted(answer):
                    self.demoted()

        await transport.send(data, len(sent), tell)
        if self._is_left and instead:
            raise NotTheMaster("a replica")
        return instead

    async def _broken(self, calls: Calls, error: Exception) -> None:
        """Before the next try: fail what must not be sent again."""
        log.debug("redis: trying again after %s", type(error).__name__)
        await self._give_up()
        if isinstance(error, NotTheMaster):
            return
        for call in calls:
            if not call.item.repeatable:
                call.fail(copy(error))

    async def _give_up(self) -> None:
        """Leave the connection, whatever may still come on it. Waits for nothing."""
        if connection := self._taken():
            with suppress(OSError, RedisError, RuntimeError):
                await connection.disconnect(nowait=True)

    def _taken(self) -> AbstractConnection | None:
        connection, self._connection, self._transport = self._connection, None, None
        return connection

    async def _connected(self) -> RedisTransport:
        if self._opening is None or self._opening.done():
            await self._give_up()
            self._is_left = False
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(_heard)
        return await asyncio.shield(self._opening)

    async def _open(self) -> RedisTransport:
        connection = self._make()
        async with asyncio.timeout(self._limit):
            await connection.connect()  # type: ignore[no-untyped-call]
        self._connection, self._transport = connection, RedisTransport(connection)
        self._by_text = False
        return self._transport


def _heard(opening: "asyncio.Task[RedisTransport]") -> None:
    """Its failure is known, though whoever waited for it may have gone."""
    if not opening.cancelled():
        opening.exception()


def patience(retries: int = RETRIES) -> Retry:
    """How soon and how often to try again after a broken connection."""
    kinds: Any = BROKEN  # redis-py names its own alone
    return Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), retries, supported_errors=kinds)
