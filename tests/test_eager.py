"""A coroutine that is run at once, up to where it first waits."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from service.eager import Begun, Eager

NAME: ContextVar[str] = ContextVar("name", default="")


async def test_it_runs_at_once_and_goes_on_when_what_it_waits_for_is_there() -> None:
    seen: list[Any] = []
    future = asyncio.get_running_loop().create_future()

    async def work() -> None:
        NAME.set("mine")
        seen.append("begun")
        try:
            seen.append(await future)
        except ValueError as error:
            seen.append(str(error))
        seen.append(NAME.get())

    eager = Eager(work())
    assert (seen, eager.is_done, NAME.get()) == (["begun"], False, "")
    future.set_exception(ValueError("no"))
    await asyncio.sleep(0)
    assert (seen, eager.is_done, NAME.get()) == (["begun", "no", "mine"], True, "")


async def test_what_waits_for_nothing_is_done_at_once() -> None:
    async def work() -> None:
        """Nothing to wait for."""

    assert Eager(work()).is_done


async def test_one_that_is_cancelled_ends_where_it_waits_and_nobody_works_for_it() -> None:
    seen: list[str] = []
    future = asyncio.get_running_loop().create_future()

    async def work() -> None:
        try:
            await future
            seen.append("went on")
        finally:
            seen.append("tidied up")

    eager = Eager(work())
    eager.cancel()
    eager.cancel()
    await asyncio.sleep(0)
    assert (seen, eager.is_done, future.cancelled()) == (["tidied up"], True, True)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_whoever_wants_to_know_hears_of_its_end(cancelled: bool) -> None:  # noqa: FBT001
    future, ends = asyncio.get_running_loop().create_future(), []
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)

    async def work() -> None:
        await future

    eager = Eager(work())
    eager.when_done(lambda: ends.append("end"))
    assert ends == []
    future.cancel() if cancelled else future.set_result(None)
    await asyncio.sleep(0)
    assert (ends, eager.is_done) == (["end"], True)


class Work:
    """Waits for two futures in turn."""

    def __init__(self) -> None:
        self.first, self.second = (asyncio.get_running_loop().create_future() for _ in range(2))
        self.seen: list[Any] = []

    async def run(self) -> str:
        try:
            self.seen.append("begun")
            self.seen.append(await self.first)
            self.seen.append(await self.second)
            return "answer"
        finally:
            self.seen.append("tidied up")


@pytest.mark.parametrize("early", [True, False])
async def test_what_has_begun_goes_on_where_it_is_awaited(early: bool) -> None:  # noqa: FBT001
    work = Work()
    begun = Begun(work.run())
    assert work.seen == ["begun"]
    answers: list[Callable[[], None]] = [lambda: work.first.set_result(1), lambda: work.second.set_result(2)]
    for number, answer in enumerate(answers):
        answer() if early else asyncio.get_running_loop().call_later(0.01 * (number + 1), answer)
    assert await begun == "answer"
    assert work.seen == ["begun", 1, 2, "tidied up"]


async def test_a_failure_is_told_where_it_is_awaited() -> None:
    async def fail() -> None:
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        await Begun(fail())
    work = Work()
    begun = Begun(work.run())
    work.first.set_exception(ValueError("later"))
    with pytest.raises(ValueError, match="later"):
        await begun
    assert work.seen == ["begun", "tidied up"]


async def test_whoever_waits_and_is_cancelled_ends_what_has_begun() -> None:
    work = Work()

    async def wait() -> None:
        await Begun(work.run())

    caller = asyncio.create_task(wait())
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert work.first.cancelled()
    assert work.seen == ["begun", "tidied up"]


async def test_what_is_never_awaited_is_ended_by_a_cancel() -> None:
    work = Work()
    begun = Begun(work.run())
    begun.cancel()
    assert work.first.cancelled()
    assert work.seen == ["begun", "tidied up"]
