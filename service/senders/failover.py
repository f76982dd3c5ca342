"""Several senders behind one: each is tried in turn under its own time limit, until one takes the message.

A number that gets too many is not passed on: its carrier protects the phone, and another sender would get round it.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from service.errors import SmsUnavailable, TooManyRequests
from service.messages import Message

Takes = Callable[[str, str], bool]  # of a sender's name, and a kind of message
# Of a sender's name, one of the outcomes below, the seconds, and why it failed if it did: never a number or a key.
Observe = Callable[[str, str, float, str], None]
SENT, FAILED, REFUSED = "sent", "failed", "refused"

log = logging.getLogger(__name__)


class Sender(Protocol):
    """What every sender does."""

    async def send(self, message: Message) -> None:
        """Hand the message to the provider. Raises SmsUnavailable, TooManyRequests."""


@runtime_checkable
class Closing(Protocol):
    """What a sender does that holds connections or threads."""

    async def close(self) -> None:
        """Let go of them. Nothing is sent afterwards."""


class Failover:
    """A sender made of others. `timeout` is in seconds and of each; together they may take their number times that."""

    def __init__(
        self,
        senders: Sequence[tuple[str, Sender]],
        timeout: float,
        observe: Observe,
        takes: Takes = lambda _name, _kind: True,
    ) -> None:
        self.senders = tuple(senders)
        self._timeout = timeout
        self._observe = observe
        self._takes = takes

    async def send(self, message: Message) -> None:
        """Hand the message to the first sender that takes it. Those without a template for it are not asked.

        Raises TooManyRequests where one says that the number gets too many, SmsUnavailable where all failed.
        """
        failure: Exception | None = None
        definite = True
        for name, sender in self.senders:
            if not self._takes(name, message.kind):
                continue
            began = time.perf_counter()
            try:
                async with asyncio.timeout(self._timeout):
                    await sender.send(message)
            except TooManyRequests as refusal:
                self._observe(name, REFUSED, time.perf_counter() - began, "")
                log.warning("%s refuses: too many messages to this number; wait %s s", name, refusal.retry_after)
                raise
            except Exception as error:  # noqa: BLE001 - whatever an SDK raises, the next sender may still deliver
                reason = self._reason(error)
                self._observe(name, FAILED, time.perf_counter() - began, reason)
                known = isinstance(error, SmsUnavailable | TimeoutError)
                level = logging.WARNING if known else logging.ERROR
                log.log(level, "%s did not take a message: %s", name, reason)
                failure = error
                definite = definite and isinstance(error, SmsUnavailable) and error.definite
            else:
                self._observe(name, SENT, time.perf_counter() - began, "")
                log.info("%s took a message", name)
                return
        reason = "every sender failed" if failure else "no sender has a template for it"
        raise SmsUnavailable(reason, definite=definite) from failure

    async def close(self) -> None:
        """Close the senders that hold connections, each whatever becomes of the others."""
        for name, sender in self.senders:
            if isinstance(sender, Closing):
                try:
                    await sender.close()
                except Exception as error:  # noqa: BLE001 - the process is stopping: what is left goes with it
                    log.warning("%s did not close: %s", name, type(error).__name__)

    def _reason(self, error: Exception) -> str:
        """Why, without the texts of drivers and providers: they may hold the number, the code or a key."""
        if isinstance(error, SmsUnavailable):
            return error.reason or type(error.__cause__ or error).__name__
        if isinstance(error, TimeoutError):
            return f"no answer within {self._timeout:g} s"
        places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        return f"{type(error).__name__} at {' > '.join(places[-3:])}"
