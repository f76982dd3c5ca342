"""Work that goes on to its end when its caller goes away."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import pytest

from service.runtime.background import BackgroundTasks, settled


async def started(work: Coroutine[Any, Any, Any], background: BackgroundTasks) -> asyncio.Task[Any]:
    """A caller of the work, which has begun."""
    caller = asyncio.create_task(background.shielded(work))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return caller


async def abandon(caller: asyncio.Task[Any]) -> None:
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller


class Work:
    """Waits for `gate`, then fails or answers 42."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.gate = asyncio.Event()
        self.failure = failure
        self.done = False

    async def run(self) -> int:
        await self.gate.wait()
        self.done = True
        if self.failure:
            raise self.failure
        return 42


async def test_the_caller_gets_the_answer() -> None:
    work = Work()
    caller = await started(work.run(), BackgroundTasks())
    work.gate.set()
    assert await caller == 42


async def test_the_caller_gets_the_failure_and_it_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    work = Work(ValueError("no"))
    background = BackgroundTasks()
    caller = await started(work.run(), background)
    work.gate.set()
    with pytest.raises(ValueError, match="no"):
        await caller
    await background.drain(1)
    assert caplog.records == []


async def test_work_goes_on_after_its_caller_is_cancelled() -> None:
    work = Work()
    background = BackgroundTasks()
    await abandon(await started(work.run(), background))
    assert not work.done
    work.gate.set()
    await background.drain(1)
    assert work.done


async def test_a_failure_after_the_caller_has_gone_is_logged_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = Work(ValueError("13800138000"))
    background = BackgroundTasks()
    await abandon(await started(work.run(), background))
    work.gate.set()
    await background.drain(1)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "ValueError" in record.getMessage()
    assert "13800138000" not in record.getMessage()


async def test_success_after_the_caller_has_gone_is_not_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    work = Work()
    background = BackgroundTasks()
    await abandon(await started(work.run(), background))
    work.gate.set()
    await background.drain(1)
    assert caplog.records == []


async def test_one_callers_going_away_does_not_touch_the_work_of_another() -> None:
    one, other = Work(), Work()
    background = BackgroundTasks()
    leaver, stayer = await started(one.run(), background), await started(other.run(), background)
    await abandon(leaver)
    other.gate.set()
    assert await stayer == 42
    one.gate.set()
    await background.drain(1)


async def test_drain_waits_for_everything_that_runs() -> None:
    works = [Work() for _ in range(3)]
    background = BackgroundTasks()
    callers = [await started(work.run(), background) for work in works]
    for caller in callers:
        await abandon(caller)
    draining = asyncio.create_task(background.drain(5))
    for work in works:
        await asyncio.sleep(0)
        assert not draining.done()
        work.gate.set()
    await draining
    assert all(work.done for work in works)


async def test_drain_waits_no_longer_than_it_is_told() -> None:
    work = Work()
    background = BackgroundTasks()
    caller = await started(work.run(), background)
    await background.drain(0.01)
    assert not work.done
    work.gate.set()
    assert await caller == 42


async def test_drain_of_nothing_returns_at_once() -> None:
    background = BackgroundTasks()
    await asyncio.wait_for(background.drain(60), 1)
    assert await background.shielded(asyncio.sleep(0, "done")) == "done"
    await asyncio.wait_for(background.drain(60), 1)


async def test_all_have_ended_when_the_first_failure_is_raised() -> None:
    ended: list[str] = []

    async def fail(text: str) -> None:
        ended.append(text)
        raise ValueError(text)

    async def answer() -> int:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, None)
        await future
        ended.append("answer")
        return 42

    with pytest.raises(ValueError, match="first"):
        await settled(fail("first"), answer(), fail("second"))
    assert ended == ["first", "second", "answer"]
    begun = asyncio.get_running_loop().create_future()
    begun.set_result("begun")
    assert await settled(answer(), begun, answer()) == [42, "begun", 42]


async def test_what_nobody_waits_for_any_more_is_cancelled() -> None:
    gate = asyncio.Event()
    rest = [asyncio.get_running_loop().create_future(), asyncio.create_task(gate.wait())]
    caller = asyncio.create_task(settled(gate.wait(), *rest))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait({caller, *rest})
    assert all(one.cancelled() for one in rest)
