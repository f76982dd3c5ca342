"""Periodic: at once, again and again, more seldom while a store is away, and never ended by a failure."""

import asyncio
import logging

import pytest

from service.errors import ServiceUnavailable
from service.runtime.periodic import Periodic

PAUSE = 0.01


class Work:
    """What is to be done: fails as often as is asked, and tells when it was done for so many times."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.times: list[float] = []
        self._done = asyncio.Event()

    async def __call__(self) -> None:
        self.times.append(asyncio.get_running_loop().time())
        self._done.set()
        failure = self.failures.pop(0) if self.failures else None
        if failure:
            raise failure

    async def done(self, times: int) -> None:
        while len(self.times) < times:
            self._done.clear()
            await asyncio.wait_for(self._done.wait(), 10)


async def run(work: Work, times: int, longest: float = 4 * PAUSE) -> None:
    periodic = Periodic(work, pause=PAUSE, longest=longest, failing="it does not work")
    periodic.start()
    await work.done(times)
    await periodic.stop()
    count = len(work.times)
    await asyncio.sleep(3 * PAUSE)
    assert len(work.times) == count


async def test_it_is_done_at_once_and_again_until_it_is_stopped() -> None:
    await run(Work(), 3)


async def test_while_a_store_is_away_it_is_tried_more_seldom_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    away = ServiceUnavailable()
    work = Work(away, away, away, None, away)
    await run(work, 6)
    pauses = [after - before for before, after in zip(work.times, work.times[1:], strict=False)]
    for pause, least in zip(pauses, [2 * PAUSE, 4 * PAUSE, 4 * PAUSE, PAUSE], strict=False):
        assert pause >= least - 0.002
    assert [record.levelname for record in caplog.records if record.message == "it does not work"] == ["WARNING"] * 2


async def test_a_bug_is_told_and_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    await run(Work(RuntimeError("a bug")), 2)
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info


async def test_one_that_was_never_started_stops() -> None:
    await Periodic(Work(), pause=PAUSE, longest=PAUSE, failing="").stop()


async def test_it_stops_though_its_work_tells_being_cut_off_as_a_store_that_is_away() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ServiceUnavailable from None

    periodic = Periodic(work, pause=60, longest=60, failing="")
    periodic.start()
    await begun.wait()
    await asyncio.wait_for(periodic.stop(), 10)
