"""The first connection to the database: made once, by whoever comes first, and waited for by all."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class FirstConnection:
    """Made by `connect` in a task that a caller who goes away does not cut off; tried again after a failure.

    Left to itself Tortoise connects while it holds a lock, and keeps the lock for ever if connecting fails or is
    cancelled: one client that hangs up during a worker's first statement would block the database for good.
    """

    def __init__(self, connect: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._connect = connect
        self._connecting: asyncio.Task[None] | None = None

    @property
    def is_made(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._connecting is not None and self._connecting.done() and _succeeded(self._connecting)

    async def made(self) -> None:
        """Return when it is there. Raises what connecting raised."""
        if self._connecting is None or (self._connecting.done() and not _succeeded(self._connecting)):
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(_succeeded)  # looks at the failure, also when nobody waits any more
        connecting = self._connecting
        await asyncio.wait((connecting,))  # and no shield: since Python 3.14 that logs a failure that its caller missed
        connecting.result()

    async def forget(self, patience: float) -> None:
        """Begin anew the next time, once what is under way has ended or these seconds are over."""
        if self._connecting:
            await asyncio.wait({self._connecting}, timeout=patience)
        self._connecting = None


def _succeeded(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is None
