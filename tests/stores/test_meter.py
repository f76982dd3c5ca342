"""What the operations on a store cost: each is told of once, with a name that holds no key."""

import asyncio

import pytest

from service.errors import ServiceUnavailable
from service.stores.meter import Meter, timed


class Store:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.seconds: list[float] = []
        self.meter = Meter(3, self.hear)
        self.open = asyncio.Event()

    def hear(self, operation: str, outcome: str, seconds: float) -> None:
        self.told.append((operation, outcome))
        self.seconds.append(seconds)

    @timed(lambda command: command)
    async def ask(self, command: str, failure: BaseException | None = None) -> str:
        await self.open.wait()
        if failure:
            raise failure
        return command


async def test_an_answer_is_ok_and_a_store_that_is_away_unavailable() -> None:
    store = Store()
    store.open.set()
    assert await store.ask("GET") == "GET"
    with pytest.raises(ServiceUnavailable):
        await store.ask("SET", ServiceUnavailable())
    assert store.told == [("GET", "ok"), ("SET", "unavailable")]
    assert min(store.seconds) >= 0


async def test_a_bug_and_a_caller_who_goes_away_are_not_put_down_to_the_store() -> None:
    store = Store()
    waiting = asyncio.create_task(store.ask("GET"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    store.open.set()
    with pytest.raises(ZeroDivisionError):
        await store.ask("GET", ZeroDivisionError())
    assert store.told == []
    assert store.meter.under_way == 0


async def test_the_peak_is_of_the_time_since_it_was_asked_for_last() -> None:
    store = Store()
    waiting = [asyncio.create_task(store.ask("GET")) for _ in range(5)]
    await asyncio.sleep(0)
    assert (store.meter.under_way, store.meter.peak()) == (5, 5)
    store.open.set()
    await asyncio.gather(*waiting)
    assert (store.meter.peak(), store.meter.peak()) == (5, 0)
