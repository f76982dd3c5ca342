"""A coroutine that is run at once, up to where it first waits."""

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest

from service.runtime.eager import Eager

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
