"""Whatever callers and the far end do, each caller hears its own answer or a failure of its own batch, in time."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.stores.batcher import GRAIN, Batch, Batcher
from tests.stores.virtual_clock import now, run

MOST = 4
LIMIT = 0.05  # seconds that a batch takes at most, as that of a connection does
LITTLE = 2 * GRAIN


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

    async def flush(self, batch: Batch[int, str]) -> None:
        assert 0 < len(batch) <= MOST
        assert not any(call.is_over for call in batch)
        way = self.ways[len(self.batches) % len(self.ways)]
        self.batches.append((now(), way, [call.item for call in batch]))
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
        for call in reversed(batch) if way == "backwards" else batch:
            if way in ("each by itself", "halfway"):
                await asyncio.sleep(0.002)
            call.answer(f"for {call.item}")
            if way == "halfway":
                raise Refused

    async def live(self, plans: list[Plan]) -> None:
        batcher = Batcher(self.flush, most=MOST)
        async with asyncio.TaskGroup() as group:
            for number, plan in enumerate(plans):
                group.create_task(self._ask(batcher, number, plan))
        await batcher.close()

    async def _ask(self, batcher: Batcher[int, str], number: int, plan: Plan) -> None:
        await asyncio.sleep(plan.at / 1000)
        start = now()
        if batcher.is_idle:
            self.alone[number] = start
        leaver = asyncio.current_task()
        if plan.leaves is not None and leaver:
            asyncio.get_running_loop().call_later(plan.leaves / 1000, leaver.cancel)
        heard: object
        try:
            heard = await batcher.submit(number, plan.limit / 1000)
        except (Refused, RuntimeError, TimeoutError) as error:
            heard = error
        except asyncio.CancelledError as error:
            heard = error
            if leaver:
                leaver.uncancel()
        self.ends[number] = (now() - start, now(), heard)

    def batch_of(self, number: int) -> tuple[float, str, list[int]] | None:
        found = [batch for batch in self.batches if number in batch[2]]
        assert len(found) <= 1, "flushed twice"
        return found[0] if found else None


@pytest.mark.slow
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
def test_who_comes_when_nothing_is_under_way_is_flushed_at_once(plans: list[Plan], ways: list[str]) -> None:
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
    flushed = [plans[number].at for _, _, batch in world.batches for number in batch]
    assert flushed == sorted(flushed)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(PLANS, TURNS, MILLISECONDS)
def test_a_close_fails_whoever_waits_and_whoever_asks_afterwards(plans: list[Plan], ways: list[str], at: int) -> None:
    world = World(ways)
    told: list[tuple[float, str]] = []

    async def ask(batcher: Batcher[int, str], number: int, plan: Plan) -> None:
        await asyncio.sleep(plan.at / 1000)
        try:
            assert await batcher.submit(number, 1) == f"for {number}"
            told.append((now(), "answered"))
        except (ConnectionAbortedError, Refused, RuntimeError) as error:
            told.append((now(), type(error).__name__))

    async def scene() -> None:
        batcher = Batcher(world.flush, most=MOST)
        asking = [asyncio.create_task(ask(batcher, number, plan)) for number, plan in enumerate(plans)]
        await asyncio.sleep(at / 1000)
        closed = now()
        await batcher.close()
        await batcher.close()
        assert now() == closed
        await asyncio.gather(*asking)
        assert len(told) == len(plans)
        assert {what for moment, what in told if moment > closed} <= {"ConnectionAbortedError"}
        assert (
            max((moment for moment, _ in told), default=0) <= max(closed, *(plan.at / 1000 for plan in plans), 0) + 1e-9
        )
        assert all(begun <= closed for begun, _, _ in world.batches)

    run(scene)
