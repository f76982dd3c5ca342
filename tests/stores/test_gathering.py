"""What callers ask for at the same time is carried together: each hears its own answer or a failure, in time.

Time is the event loop's own here: it jumps to the next moment at which somebody has something to do. Where nobody ever
would again while somebody waits, the loop says so rather than stand still.
"""

import asyncio
import gc
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from service.stores.gathering import GRAIN, Asked, Batch, Gathering

MOST = 4
LIMIT = 0.05  # seconds that a batch takes at most, as that of a line does
LITTLE = 2 * GRAIN


class Clock(selectors.DefaultSelector):
    """Nothing ever comes from outside, so there is nothing to wait for."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("somebody waits for what will never come")
        self.now += timeout
        return super().select(0)


class Jumping(asyncio.SelectorEventLoop):
    """An event loop that waits for nothing. What nobody has caught ends up in `uncaught`."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.uncaught: list[dict[str, Any]] = []
        super().__init__(self.clock)
        self.set_exception_handler(lambda _, context: self.uncaught.append(context))

    def time(self) -> float:
        return self.clock.now


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=Jumping) as runner:
        loop = runner.get_loop()
        runner.run(scene())
    assert isinstance(loop, Jumping)
    assert loop.uncaught == []


def now() -> float:
    return asyncio.get_running_loop().time()


# --- Whatever happens -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """What one caller does, in milliseconds: it asks `at` a moment, waits `limit` long, and may go away earlier."""

    at: int
    limit: int
    leaves: int | None


MILLISECONDS = st.integers(0, 30)
PLANS = st.lists(st.builds(Plan, at=MILLISECONDS, limit=st.integers(0, 60), leaves=st.none() | MILLISECONDS))
WAYS = ("all", "late", "backwards", "some", "each by itself", "as a whole", "one", "never", "halfway")
TURNS = st.lists(st.sampled_from(WAYS), min_size=1)


class Refused(Exception):
    """What the far end says to one caller, or to all of a batch."""


@dataclass
class World:
    """A far end that behaves as planned, batch after batch, and what happened."""

    ways: list[str]
    batches: list[tuple[float, str, list[int]]] = field(default_factory=list)
    alone: dict[int, float] = field(default_factory=dict)  # who came when nothing was under way, and when
    ends: dict[int, tuple[float, float, object]] = field(
        default_factory=dict
    )  # how long it waited, until when, for what

    async def carry(self, batch: Batch[int, str]) -> None:
        assert 0 < len(batch) <= MOST
        assert not any(asked.is_over for asked in batch)
        way = self.ways[len(self.batches) % len(self.ways)]
        self.batches.append((now(), way, [asked.item for asked in batch]))
        async with asyncio.timeout(LIMIT):
            await self._answer(way, batch)

    async def _answer(self, way: str, batch: Batch[int, str]) -> None:
        match way:
            case "late":
                await asyncio.sleep(0.01)
            case "as a whole":
                raise Refused
            case "never":
                await asyncio.Event().wait()
            case "one":
                batch[0].fail(Refused())
            case "some":
                batch = batch[::2]
        for asked in reversed(batch) if way == "backwards" else batch:
            if way in ("each by itself", "halfway"):
                await asyncio.sleep(0.002)
            asked.answer(f"for {asked.item}")
            if way == "halfway":
                raise Refused

    async def live(self, plans: list[Plan]) -> None:
        gathering = Gathering(self.carry, most=MOST)
        async with asyncio.TaskGroup() as group:
            for number, plan in enumerate(plans):
                group.create_task(self._ask(gathering, number, plan))
        await gathering.close()

    async def _ask(self, gathering: Gathering[int, str], number: int, plan: Plan) -> None:
        await asyncio.sleep(plan.at / 1000)
        start = now()
        if gathering._going is None:
            self.alone[number] = start
        leaver = asyncio.current_task()
        if plan.leaves is not None and leaver:
            asyncio.get_running_loop().call_later(plan.leaves / 1000, leaver.cancel)
        heard: object
        try:
            heard = await gathering.ask(number, plan.limit / 1000)
        except (Refused, RuntimeError, TimeoutError) as error:
            heard = error
        except asyncio.CancelledError as error:
            heard = error
            if leaver:
                leaver.uncancel()
        self.ends[number] = (now() - start, now(), heard)

    def batch_of(self, number: int) -> tuple[float, str, list[int]] | None:
        found = [batch for batch in self.batches if number in batch[2]]
        assert len(found) <= 1, "carried twice"
        return found[0] if found else None


@settings(max_examples=400, deadline=None, derandomize=True)
@given(PLANS, TURNS)
def test_each_hears_its_own_answer_or_a_failure_of_its_own_batch_in_time(plans: list[Plan], ways: list[str]) -> None:
    world = World(ways)
    run(lambda: world.live(plans))
    assert set(world.ends) == set(range(len(plans)))
    for number, plan in enumerate(plans):
        waited, until, heard = world.ends[number]
        assert waited <= plan.limit / 1000 + LITTLE
        batch = world.batch_of(number)
        match heard:
            case str():
                assert heard == f"for {number}"
            case TimeoutError():
                assert waited >= plan.limit / 1000 - LITTLE
            case asyncio.CancelledError():
                assert plan.leaves is not None
            case _:  # a failure of the batch it was in, and of no other
                assert batch
                assert batch[1] in {"some", "as a whole", "one", "never", "halfway"}
        if batch is None:
            assert isinstance(heard, TimeoutError | asyncio.CancelledError)
        elif batch[1] in {"all", "backwards"} and not isinstance(heard, asyncio.CancelledError):
            assert heard == f"for {number}"
            assert until == batch[0]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(PLANS, TURNS)
def test_who_comes_when_nothing_is_under_way_is_carried_at_once(plans: list[Plan], ways: list[str]) -> None:
    world = World(ways)
    run(lambda: world.live(plans))
    for number, start in world.alone.items():
        batch = world.batch_of(number)
        if plans[number].limit and plans[number].leaves != 0:
            assert batch
            assert batch[0] == start
        if batch:
            assert {plans[other].at for other in batch[2]} == {plans[number].at}, "with nobody who came before it"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(PLANS, TURNS)
def test_nobody_is_overtaken_by_a_later_batch(plans: list[Plan], ways: list[str]) -> None:
    world = World(ways)
    run(lambda: world.live(plans))
    carried = [plans[number].at for _, _, batch in world.batches for number in batch]
    assert carried == sorted(carried)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(PLANS, TURNS, MILLISECONDS)
def test_a_close_fails_whoever_waits_and_whoever_asks_afterwards(plans: list[Plan], ways: list[str], at: int) -> None:
    world = World(ways)
    told: list[tuple[float, str]] = []

    async def ask(gathering: Gathering[int, str], number: int, plan: Plan) -> None:
        await asyncio.sleep(plan.at / 1000)
        try:
            assert await gathering.ask(number, 1) == f"for {number}"
            told.append((now(), "answered"))
        except (ConnectionAbortedError, Refused, RuntimeError) as error:
            told.append((now(), type(error).__name__))

    async def scene() -> None:
        gathering = Gathering(world.carry, most=MOST)
        asking = [asyncio.create_task(ask(gathering, number, plan)) for number, plan in enumerate(plans)]
        await asyncio.sleep(at / 1000)
        closed = now()
        await gathering.close()
        await gathering.close()
        assert now() == closed
        await asyncio.gather(*asking)
        assert len(told) == len(plans)
        assert {what for moment, what in told if moment > closed} <= {"ConnectionAbortedError"}
        assert max((moment for moment, _ in told), default=0) <= max(closed, *(plan.at / 1000 for plan in plans), 0)
        assert all(begun <= closed for begun, _, _ in world.batches)

    run(scene)


# --- In particular --------------------------------------------------------------------------------------------------


async def answer_all(batch: Batch[Any, Any]) -> None:
    for asked in batch:
        asked.answer(asked.item)


def test_a_close_in_the_same_turn_as_a_question_fails_it() -> None:
    async def scene() -> None:
        gathering = Gathering(answer_all, most=MOST)
        waiting = gathering.ask("what", 1)
        await gathering.close()
        with pytest.raises(ConnectionAbortedError):
            await waiting
        with pytest.raises(ConnectionAbortedError):
            await gathering.ask("what", 1)

    run(scene)


def test_what_comes_while_a_batch_is_under_way_goes_together_in_the_next() -> None:
    sizes = []

    async def carry(batch: Batch[int, int]) -> None:
        sizes.append(len(batch))
        await asyncio.sleep(0.01)
        await answer_all(batch)

    async def scene() -> None:
        gathering = Gathering(carry, most=100)
        first = gathering.ask(0, 1)
        await asyncio.sleep(0.001)
        others = [gathering.ask(number, 1) for number in range(1, 151)]
        assert await asyncio.gather(first, *others) == list(range(151))
        assert sizes == [1, 100, 50]

    run(scene)


def test_a_batch_whose_callers_have_all_gone_hinders_nobody_longer_than_its_time() -> None:
    async def carry(batch: Batch[str, str]) -> None:
        async with asyncio.timeout(LIMIT):
            await asyncio.sleep(0 if batch[0].item == "stays" else 60)
        await answer_all(batch)

    async def scene() -> None:
        gathering = Gathering(carry, most=MOST)
        gone = [gathering.ask("leaves", 0.01), gathering.ask("leaves", 1)]
        await asyncio.sleep(0.001)
        stays = gathering.ask("stays", 1)
        gone[1].cancel()
        assert await stays == "stays"
        assert now() <= LIMIT + LITTLE
        with pytest.raises(TimeoutError):
            await gone[0]

    run(scene)


def test_each_time_limit_is_its_callers_own() -> None:
    async def never(_batch: Batch[int, int]) -> None:
        await asyncio.Event().wait()

    async def ask(gathering: Gathering[int, int], milliseconds: int) -> None:
        with pytest.raises(TimeoutError):
            await gathering.ask(0, milliseconds / 1000)
        assert abs(now() - milliseconds / 1000) <= LITTLE

    async def scene() -> None:
        gathering = Gathering(never, most=MOST)
        await asyncio.gather(*(ask(gathering, number * 37 % 1009) for number in range(1, 1009)))
        await gathering.close()

    run(scene)


def test_a_failure_that_nobody_waits_for_any_more_is_nobodys_and_leaves_no_task_behind() -> None:
    async def carry(batch: Batch[str, str]) -> None:
        await asyncio.sleep(0.01)
        for asked in batch:
            asked.fail(Refused())

    async def scene() -> None:
        gathering = Gathering(carry, most=MOST)
        tasks = [asyncio.ensure_future(gathering.ask("what", 1)) for _ in range(10)]
        await asyncio.sleep(0.005)
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0.1)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        gc.collect()

    run(scene)


def test_carrying_is_done_in_nobodys_context() -> None:
    request: ContextVar[str] = ContextVar("request", default="nobody's")

    async def carry(batch: Batch[str, str]) -> None:
        for asked in batch:
            asked.answer(request.get())

    async def scene() -> None:
        request.set("somebody's")
        assert await Gathering(carry, most=MOST).ask("whose", 1) == "nobody's"

    run(scene)


@pytest.mark.parametrize("run_here", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_limits_of_less_than_a_timer_can_tell_are_kept_by_both_event_loops(
    run_here: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    async def hang(_batch: Batch[float, float]) -> None:
        await asyncio.sleep(60)

    async def heard(waiting: Awaitable[float]) -> object:
        try:
            return await asyncio.wait_for(waiting, 10)
        except TimeoutError as error:
            return error.__cause__ or "in time"

    async def scene() -> None:
        gathering: Gathering[float, float] = Gathering(hang, most=MOST)
        limits = [n / 10_000 for n in range(40)]
        assert await asyncio.gather(*(heard(gathering.ask(limit, limit)) for limit in limits)) == ["in time"] * 40
        await gathering.close()
        quick = Gathering(answer_all, most=MOST)
        assert await asyncio.gather(*(quick.ask(n, 10) for n in range(100))) == list(range(100))
        await quick.close()

    run_here(scene())


def test_what_is_over_in_a_loop_that_is_late_is_not_carried() -> None:
    carried: list[str] = []

    async def carry(batch: Batch[str, str]) -> None:
        carried.extend(asked.item for asked in batch)
        await answer_all(batch)

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Jumping)
        gathering = Gathering(carry, most=MOST)
        short, long = gathering.ask("short", 0.01), gathering.ask("long", 1)
        loop.clock.now += 0.02  # somebody keeps the loop busy
        assert await long == "long"
        with pytest.raises(TimeoutError):
            await short
        assert carried == ["long"]

    run(scene)


def test_a_caller_that_has_been_told_is_told_nothing_more() -> None:
    async def scene() -> None:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        asked = Asked("item", future, 1.0)
        asked.answer("first")
        asked.answer("second")
        asked.fail(Refused())
        assert await future == "first"
        assert asked.is_over

    run(scene)
