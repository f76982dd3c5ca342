"""Work at a bounded rate: what was a little late is made up for, and no more than that."""

import asyncio

import pytest

from service.runtime.pace import LATE, Pace
from tests.stores.virtual_clock import now, run


def test_no_more_is_done_in_a_second_than_the_rate() -> None:
    async def scene() -> None:
        pace = Pace(100)
        await pace.keep(0)
        began = now()
        for _ in range(30):
            await pace.keep(10)
        assert now() - began == pytest.approx(3.0, abs=LATE)

    run(scene)


def test_what_was_late_by_more_than_a_moment_is_no_burst_afterwards() -> None:
    async def scene() -> None:
        pace = Pace(100)
        await pace.keep(100)
        await asyncio.sleep(60)
        began = now()
        for _ in range(30):
            await pace.keep(10)
        assert now() - began >= 2.9 - LATE - 0.01  # the first was due long ago

    run(scene)
