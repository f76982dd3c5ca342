"""How long a request may wait for the stores altogether: a moment, kept in a context variable.

The middleware sets it, and a store asks before each operation how long that one may take, so that ten operations
against a store that hangs take no longer than one. The command line and the start of a worker have no deadline.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from service.errors import ServiceUnavailable

CLEANUP_ALLOWANCE = 0.2  # seconds more, to put back what a request had taken whose time was up

Result = TypeVar("Result")

_UNTIL: ContextVar[float | None] = ContextVar("deadline", default=None)


def start(seconds: float) -> None:
    """Give the request at hand this long."""
    _UNTIL.set(time.monotonic() + seconds)


def remaining(most: float) -> float:
    """The seconds that an operation may take: `most`, or less. Raises ServiceUnavailable where the time is up.

    An operation that nobody can wait for must not be sent: it might be done after its caller was told that it was not.
    """
    until = _UNTIL.get()
    if until is None:
        return most
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise ServiceUnavailable
    return seconds if seconds < most else most  # noqa: FURB136 - `min` takes three times as long


async def within(seconds: float, work: Awaitable[Result]) -> Result:
    """What `work` returns. Raises ServiceUnavailable where it takes longer, and cancels it."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError as error:
        raise ServiceUnavailable from error


async def sleep(seconds: float) -> None:
    """Wait, no longer than the request may. Raises ServiceUnavailable where its time is up."""
    await asyncio.sleep(remaining(seconds))


@contextmanager
def paused() -> Iterator[None]:
    """Leave out the time of the block: it belongs to somebody else, who has a time limit of his own."""
    until, start = _UNTIL.get(), time.monotonic()
    try:
        yield
    finally:
        if until is not None:
            _UNTIL.set(until + time.monotonic() - start)


@contextmanager
def cleanup_allowance() -> Iterator[None]:
    """A little more time for the block; the same for all such blocks of a request together."""
    until = _UNTIL.get()
    if until is not None:
        _UNTIL.set(until + CLEANUP_ALLOWANCE)
    try:
        yield
    finally:
        _UNTIL.set(until)
