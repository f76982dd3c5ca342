"""What callers ask for at the same time goes together in a batch: single cases. In general: test_batcher.py."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest
import uvloop

from service.stores.batcher import Batch, Batcher
from service.stores.pending_call import PendingCall
from tests.stores.test_batcher import LIMIT, LITTLE, MOST, Refused
from tests.stores.virtual_clock import VirtualClockLoop, now, run


async def answer_all(batch: Batch[Any, Any]) -> None:
    for call in batch:
        call.answer(call.item)


def test_a_close_in_the_same_turn_as_a_question_fails_it() -> None:
    async def scene() -> None:
        batcher = Batcher(answer_all, most=MOST)
        waiting = batcher.submit("what", 1)
        await batcher.close()
        with pytest.raises(ConnectionAbortedError):
            await waiting
        with pytest.raises(ConnectionAbortedError):
            await batcher.submit("what", 1)

    run(scene)


def test_what_comes_while_a_batch_is_under_way_goes_together_in_the_next() -> None:
    sizes = []

    async def flush(batch: Batch[int, int]) -> None:
        sizes.append(len(batch))
        await asyncio.sleep(0.01)
        await answer_all(batch)

    async def scene() -> None:
        batcher = Batcher(flush, most=100)
        first = batcher.submit(0, 1)
        await asyncio.sleep(0.001)
        others = [batcher.submit(number, 1) for number in range(1, 151)]
        assert await asyncio.gather(first, *others) == list(range(151))
        assert sizes == [1, 100, 50]

    run(scene)


def test_a_batch_whose_callers_have_all_gone_hinders_nobody_longer_than_its_time() -> None:
    async def flush(batch: Batch[str, str]) -> None:
        async with asyncio.timeout(LIMIT):
            await asyncio.sleep(0 if batch[0].item == "stays" else 60)
        await answer_all(batch)

    async def scene() -> None:
        batcher = Batcher(flush, most=MOST)
        gone = [batcher.submit("leaves", 0.01), batcher.submit("leaves", 1)]
        await asyncio.sleep(0.001)
        stays = batcher.submit("stays", 1)
        gone[1].cancel()
        assert await stays == "stays"
        assert now() <= LIMIT + LITTLE
        with pytest.raises(TimeoutError):
            await gone[0]

    run(scene)


def test_each_time_limit_is_its_callers_own() -> None:
    async def never(_batch: Batch[int, int]) -> None:
        await asyncio.Event().wait()

    async def ask(batcher: Batcher[int, int], milliseconds: int) -> None:
        with pytest.raises(TimeoutError):
            await batcher.submit(0, milliseconds / 1000)
        assert abs(now() - milliseconds / 1000) <= LITTLE

    async def scene() -> None:
        batcher = Batcher(never, most=MOST)
        await asyncio.gather(*(ask(batcher, number * 37 % 1009) for number in range(1, 1009)))
        await batcher.close()

    run(scene)


def test_a_failure_that_nobody_waits_for_any_more_is_nobodys_and_leaves_no_task_behind() -> None:
    async def flush(batch: Batch[str, str]) -> None:
        await asyncio.sleep(0.01)
        for call in batch:
            call.fail(Refused())

    async def scene() -> None:
        batcher = Batcher(flush, most=MOST)
        tasks = [asyncio.ensure_future(batcher.submit("what", 1)) for _ in range(10)]
        await asyncio.sleep(0.005)
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0.1)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        gc.collect()

    run(scene)


def test_a_batch_is_flushed_in_nobodys_context() -> None:
    request: ContextVar[str] = ContextVar("request", default="nobody's")

    async def flush(batch: Batch[str, str]) -> None:
        for call in batch:
            call.answer(request.get())

    async def scene() -> None:
        request.set("somebody's")
        assert await Batcher(flush, most=MOST).submit("whose", 1) == "nobody's"

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
        batcher: Batcher[float, float] = Batcher(hang, most=MOST)
        limits = [n / 10_000 for n in range(40)]
        assert await asyncio.gather(*(heard(batcher.submit(limit, limit)) for limit in limits)) == ["in time"] * 40
        await batcher.close()
        quick = Batcher(answer_all, most=MOST)
        assert await asyncio.gather(*(quick.submit(n, 10) for n in range(100))) == list(range(100))
        await quick.close()

    run_here(scene())


def test_what_is_over_in_a_loop_that_is_late_is_not_flushed() -> None:
    flushed: list[str] = []

    async def flush(batch: Batch[str, str]) -> None:
        flushed.extend(call.item for call in batch)
        await answer_all(batch)

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualClockLoop)
        batcher = Batcher(flush, most=MOST)
        short, long = batcher.submit("short", 0.01), batcher.submit("long", 1)
        loop.clock.now += 0.02  # somebody keeps the loop busy
        assert await long == "long"
        with pytest.raises(TimeoutError):
            await short
        assert flushed == ["long"]

    run(scene)


def test_a_caller_that_has_been_told_is_told_nothing_more() -> None:
    async def scene() -> None:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        call = PendingCall("item", future, 1.0)
        call.answer("first")
        call.answer("second")
        call.fail(Refused())
        assert await future == "first"
        assert call.is_over

    run(scene)
