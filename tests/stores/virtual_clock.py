"""An event loop whose time jumps to the next moment at which somebody has something to do.

Where nobody ever would again while somebody waits, it says so rather than stand still.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class Clock(selectors.DefaultSelector):
    """Nothing ever comes from outside, so there is nothing to wait for."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("somebody waits for what will never come")
        self.now += timeout
        return super().select(0)


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop that waits for nothing. What nobody has caught ends up in `uncaught`."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.uncaught: list[dict[str, Any]] = []
        super().__init__(self.clock)
        self.set_exception_handler(lambda _, context: self.uncaught.append(context))

    def time(self) -> float:
        return self.clock.now


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        loop = runner.get_loop()
        runner.run(scene())
    assert isinstance(loop, VirtualClockLoop)
    assert loop.uncaught == []


def now() -> float:
    return asyncio.get_running_loop().time()
