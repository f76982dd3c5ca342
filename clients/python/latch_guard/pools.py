"""Connections for each process and each event loop: after a fork, or in another loop, those of the first are no use."""

import os
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Generic, TypeVar

Pool = TypeVar("Pool")
Key = tuple[int, AbstractEventLoop | None]


class Pools(Generic[Pool]):
    """Makes a pool where there is none yet. Without a lock, which a fork could copy while it is held."""

    def __init__(self, make: Callable[[], Pool]) -> None:
        self._make = make
        self._pools: dict[Key, Pool] = {}

    def of(self, loop: AbstractEventLoop | None = None) -> Pool:
        """The pool of this process, and of the loop in it."""
        key = (os.getpid(), loop)
        pool = self._pools.get(key)
        if pool is None:
            self._forget_the_dead(key[0])
            pool = self._pools.setdefault(key, self._make())  # atomic: of two threads one makes a pool for nothing
        return pool

    def take(self, loop: AbstractEventLoop | None = None) -> Pool | None:
        """The pool, which is here no more then; None where there is none."""
        return self._pools.pop((os.getpid(), loop), None)

    def _forget_the_dead(self, pid: int) -> None:
        """Drops those of a parent process, whose TLS is not ours to end in words, and of loops that are closed."""
        for key in list(self._pools):
            process, loop = key
            if process != pid or (loop is not None and loop.is_closed()):
                self._pools.pop(key, None)
