"""SingleFlight: one at a time in each lane, one run for all who bring the same item, and nobody hurt by a caller."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from service.runtime import deadline
from service.runtime.single_flight import SingleFlight

Work = Callable[[], Awaitable[str]]


class Gate:
    """Work that waits until it is let go, and remembers in which order it was begun."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.under_way = 0
        self.at_once = 0
        self._open = asyncio.Event()

    def work(self, name: str, error: Exception | None = None) -> Work:
        async def run() -> str:
            self.begun.append(name)
            self.under_way += 1
            self.at_once = max(self.at_once, self.under_way)
            try:
                await self._open.wait()
            finally:
                self.under_way -= 1
            if error:
                raise error
            return name

        return run

    def open(self) -> None:
        self._open.set()


@pytest.fixture
async def gate() -> Gate:
    return Gate()


@pytest.fixture
async def flights() -> SingleFlight[str]:
    return SingleFlight()


async def a_moment() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def begin(flights: SingleFlight[str], lane: str, item: str, work: Work) -> asyncio.Task[str]:
    return asyncio.create_task(flights.run(lane, item, work))


async def test_those_who_bring_the_same_item_share_one_run(flights: SingleFlight[str], gate: Gate) -> None:
    callers = [begin(flights, "lane", "item", gate.work(str(n))) for n in range(200)]
    await a_moment()
    gate.open()
    assert await asyncio.gather(*callers) == ["0"] * 200
    assert gate.begun == ["0"]
    assert len(flights) == 0


async def test_other_items_of_a_lane_run_one_after_the_other_in_their_order(
    flights: SingleFlight[str], gate: Gate
) -> None:
    callers = [begin(flights, "lane", str(n % 20), gate.work(str(n % 20))) for n in range(100)]
    await a_moment()
    assert gate.begun == ["0"]
    gate.open()
    assert await asyncio.gather(*callers) == [str(n % 20) for n in range(100)]
    assert gate.begun == [str(n) for n in range(20)]
    assert gate.at_once == 1


async def test_lanes_do_not_wait_for_each_other(flights: SingleFlight[str], gate: Gate) -> None:
    callers = [begin(flights, str(n), "item", gate.work(str(n))) for n in range(20)]
    await a_moment()
    assert gate.at_once == 20
    gate.open()
    await asyncio.gather(*callers)
    assert len(flights) == 0


async def test_an_item_that_has_had_its_run_gets_another(flights: SingleFlight[str], gate: Gate) -> None:
    gate.open()
    assert await flights.run("lane", "item", gate.work("one")) == "one"
    assert await flights.run("lane", "item", gate.work("two")) == "two"


async def test_a_failure_is_told_to_all_who_share_it_and_the_next_run_goes_on(
    flights: SingleFlight[str], gate: Gate
) -> None:
    failing = [begin(flights, "lane", "bad", gate.work("bad", ValueError("no"))) for _ in range(3)]
    following = begin(flights, "lane", "good", gate.work("good"))
    await a_moment()
    gate.open()
    outcomes = await asyncio.gather(*failing, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError] * 3
    assert await following == "good"
    assert len(flights) == 0


@pytest.mark.parametrize("who", [0, 1, 2])
async def test_a_caller_who_goes_away_takes_nothing_from_the_others(
    flights: SingleFlight[str], gate: Gate, who: int
) -> None:
    callers = [begin(flights, "lane", "item", gate.work("done")) for _ in range(3)]
    following = begin(flights, "lane", "other", gate.work("other"))
    await a_moment()
    callers[who].cancel()
    await a_moment()
    gate.open()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert [outcome for n, outcome in enumerate(outcomes) if n != who] == ["done", "done"]
    assert isinstance(outcomes[who], asyncio.CancelledError)
    assert await following == "other"


async def test_work_that_all_have_left_is_done_all_the_same_and_its_failure_bothers_nobody(
    flights: SingleFlight[str], gate: Gate
) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    callers = [begin(flights, "lane", item, gate.work(item, ValueError("no"))) for item in "aab"]
    await a_moment()
    for caller in callers:
        caller.cancel()
    await a_moment()
    gate.open()
    await a_moment()
    assert gate.begun == ["a", "b"]
    assert len(flights) == 0
    assert complaints == []


async def test_waiting_for_others_spends_no_deadline(flights: SingleFlight[str]) -> None:
    async def slow() -> str:
        await asyncio.sleep(0.15)
        return "slow"

    async def asks_the_stores() -> str:
        return f"{deadline.remaining(10):.1f}"

    async def request(item: str, work: Work) -> str:
        deadline.start(0.2)
        answer = await flights.run("lane", item, work)
        deadline.remaining(10)  # raises where the time is up
        return answer

    began = time.monotonic()
    slow_ones = [asyncio.create_task(request(f"slow {n}", slow)) for n in range(3)]
    last = asyncio.create_task(request("last", asks_the_stores))
    assert await asyncio.gather(*slow_ones) == ["slow"] * 3
    assert await last == "0.2"
    assert time.monotonic() - began > 0.4
