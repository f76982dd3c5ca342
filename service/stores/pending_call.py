"""What one caller asks a batcher for (`batcher.py`), and where its answer goes. Knows neither Redis nor SQL."""

import asyncio
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class PendingCall(Generic[Item, Answer]):
    """What one caller asks for, and where its answer goes. `until` is a moment of the event loop's clock."""

    __slots__ = ("future", "is_left", "item", "until")

    def __init__(self, item: Item, future: "asyncio.Future[Answer]", until: float) -> None:
        self.item = item
        self.future = future
        self.until = until
        self.is_left = False

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.future.done()

    def leave(self) -> None:
        """Take it out of its batch: whoever calls this answers it later, in time."""
        self.is_left = True

    def answer(self, answer: Answer) -> None:
        """Tell the caller, if it still waits."""
        if not self.future.done():
            self.future.set_result(answer)

    def fail(self, error: Exception) -> None:
        """Tell the caller of a failure, if it still waits. Each gets an exception of its own: they are raised apart."""
        if not self.future.done():
            self.future.set_exception(error)
