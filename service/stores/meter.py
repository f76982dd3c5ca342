"""What the operations on one store cost: the seconds of each, and how many are under way at once.

Counted here rather than read from the drivers' pools: those differ (one server, Sentinel, Cluster, PostgreSQL, SQLite),
and none of them tells how many callers wait.
"""

import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from service.errors import ServiceUnavailable

OK, UNAVAILABLE = "ok", "unavailable"

Observe = Callable[[str, str, float], None]  # is told the operation's name, an outcome from above, and the seconds
Rest = ParamSpec("Rest")
First = TypeVar("First")
Answer = TypeVar("Answer")


def ignore(_operation: str, _outcome: str, _seconds: float) -> None:
    """Nobody is interested."""


class Meter:
    """One per store and worker. `size` is the number of connections that the store may open."""

    def __init__(self, size: int, observe: Observe) -> None:
        self.size = size
        self.observe = observe
        self.under_way = 0
        self._peak = 0

    def enter(self) -> None:
        """One more operation is under way: it has a connection, or waits for one."""
        self.under_way += 1
        if self.under_way > self._peak:  # noqa: PLR1730 - `max` takes three times as long
            self._peak = self.under_way

    def leave(self) -> None:
        """One less."""
        self.under_way -= 1

    def peak(self) -> int:
        """The most operations that were under way at once since this was asked last."""
        peak, self._peak = self._peak, self.under_way
        return peak


class Metered(Protocol):
    """A store whose operations are timed."""

    meter: Meter


Store = TypeVar("Store", bound=Metered)
Operation = Callable[Concatenate[Store, First, Rest], Awaitable[Answer]]
Timed = Callable[Concatenate[Store, First, Rest], Coroutine[Any, Any, Answer]]


def timed(
    named: Callable[[Any], str],
) -> Callable[[Operation[Store, First, Rest, Answer]], Timed[Store, First, Rest, Answer]]:
    """Tell the store's meter of each call. `named` makes the operation's name of the first argument.

    The name must never hold a key or a value: both hold numbers and ids.
    """

    def decorate(operation: Operation[Store, First, Rest, Answer]) -> Timed[Store, First, Rest, Answer]:
        @wraps(operation)
        async def told(store: Store, first: First, /, *rest: Rest.args, **named_rest: Rest.kwargs) -> Answer:
            meter = store.meter
            meter.enter()
            began, outcome = time.perf_counter(), ""
            try:
                answer = await operation(store, first, *rest, **named_rest)
                outcome = OK
            except ServiceUnavailable:
                outcome = UNAVAILABLE
                raise
            finally:
                meter.leave()
                if outcome:  # a caller who went away and a bug of ours say nothing about the store
                    meter.observe(named(first), outcome, time.perf_counter() - began)
            return answer

        return told

    return decorate
