"""Deadline: what is left of a request's time, and whose time does not count."""

import asyncio
from contextlib import suppress
from contextvars import copy_context
from types import SimpleNamespace

import pytest

from service.errors import ServiceUnavailable
from service.runtime import deadline
from tests.conftest import Clock


@pytest.fixture(autouse=True)
def _time(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=clock))


@pytest.fixture(autouse=True)
def _none_left_over() -> None:
    deadline._UNTIL.set(None)  # noqa: SLF001 - what a test sets that is no task stays; the service sets it in tasks alone


def test_without_a_deadline_an_operation_has_all_of_its_own_time() -> None:
    assert deadline.remaining(3) == 3


def test_an_operation_has_no_more_than_what_the_request_has_left(clock: Clock) -> None:
    deadline.start(1.5)
    assert deadline.remaining(1) == 1
    clock.wait(1)
    assert deadline.remaining(1) == pytest.approx(0.5)


def test_what_nobody_can_wait_for_is_not_begun(clock: Clock) -> None:
    deadline.start(1.5)
    clock.wait(1.5)
    with pytest.raises(ServiceUnavailable):
        deadline.remaining(1)


def test_the_time_of_somebody_else_does_not_count(clock: Clock) -> None:
    deadline.start(1.5)
    with suppress(ValueError), deadline.paused():
        clock.wait(5)
        raise ValueError
    assert deadline.remaining(3) == pytest.approx(1.5)


def test_there_is_time_to_tidy_up_when_the_time_is_up(clock: Clock) -> None:
    deadline.start(1.5)
    clock.wait(1.5)
    with deadline.cleanup_allowance():
        assert deadline.remaining(1) == pytest.approx(deadline.CLEANUP_ALLOWANCE)
    with pytest.raises(ServiceUnavailable):
        deadline.remaining(1)


def test_who_tidies_up_twice_has_no_more_time_than_who_does_once(clock: Clock) -> None:
    deadline.start(1.5)
    clock.wait(1.5)
    with deadline.cleanup_allowance():
        clock.wait(deadline.CLEANUP_ALLOWANCE + 0.1)
    with deadline.cleanup_allowance(), pytest.raises(ServiceUnavailable):
        deadline.remaining(1)


@pytest.mark.parametrize("block", [deadline.paused, deadline.cleanup_allowance])
def test_where_there_is_no_deadline_none_begins(block: object) -> None:
    with block():  # type: ignore[operator]
        assert deadline.remaining(3) == 3
    assert deadline.remaining(3) == 3


async def test_the_tasks_of_a_request_share_its_deadline_and_others_do_not(clock: Clock) -> None:
    async def left() -> float:
        return deadline.remaining(3)

    other = copy_context()
    deadline.start(1.5)
    clock.wait(1)
    assert await asyncio.create_task(left()) == pytest.approx(0.5)
    assert await asyncio.create_task(left(), context=other) == 3


async def test_work_that_ends_in_time_returns_what_it_returns() -> None:
    async def quick() -> str:
        return "done"

    assert await deadline.within(10, quick()) == "done"


async def test_work_that_takes_longer_is_cancelled_and_unavailable() -> None:
    cut_off = False

    async def endless() -> None:
        nonlocal cut_off
        try:
            await asyncio.Event().wait()
        finally:
            cut_off = True

    with pytest.raises(ServiceUnavailable):
        await deadline.within(0.01, endless())
    assert cut_off
