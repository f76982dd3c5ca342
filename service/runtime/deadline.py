"""How long a request may wait for the stores altogether: a moment, kept in a context variable.

The middleware sets it, and a store asks before each operation how long that one may take, so that ten operations
against a store that hangs take no longer than one. The command line and the start of a worker have no deadline.
"""

import asyncio
import time
from collections.abc import Awaitable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from service.errors import ServiceUnavailable

CLEANUP_ALLOWANCE = 0.2  # seconds more, to put back what a request had taken whose time was up

Result = TypeVar("Result")

_UNTIL: ContextVar[float | None] = ContextVar("deadline", default=None)


def start(seconds: float) -> None:
    """Give the request at hand this long."""
    _UNTIL.set(time.monotonic() + seconds)


def lift() -> None:
    """Let what goes on in this task take its time: nobody waits for it."""
    _UNTIL.set(None)


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


async def bounded(work: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """What `work` returns. Raises TimeoutError after `seconds`, though cutting the work off may take longer.

    asyncpg asks a server that hangs to cancel the statement, and waits as long again for it to do so.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(_look)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
    if not task.done():
        raise TimeoutError
    return task.result()


def _look(task: asyncio.Task[Any]) -> None:
    """At the failure: nobody else may, and asyncio would complain."""
    if not task.cancelled():
        task.exception()


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
