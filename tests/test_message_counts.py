"""How long a sender takes, by steps."""

import pytest

from service.message_counts import STEPS, Tries, step_of


@pytest.mark.parametrize(("seconds", "step"), [(0, 0.05), (0.05, 0.05), (0.051, 0.1), (60, 60.0), (61.5, 60.0)])
def test_what_took_so_long_is_counted_under_the_next_step(seconds: float, step: float) -> None:
    assert step_of(seconds) == step


def test_steps_are_told_apart_by_their_names() -> None:
    assert len({f"{step:g}" for step in STEPS}) == len(STEPS)


@pytest.mark.parametrize(
    ("by_step", "median", "p95"),
    [
        ({}, None, None),
        ({0.3: 1}, 0.3, 0.3),
        ({0.1: 1, 5.0: 1}, 0.1, 5.0),
        ({5.0: 1, 0.2: 19}, 0.2, 0.2),
        ({0.2: 94, 5.0: 6}, 0.2, 5.0),
    ],
)
def test_the_step_within_which_a_part_of_the_tries_was_over(
    by_step: dict[float, int], median: float | None, p95: float | None
) -> None:
    tries = Tries(1, 2, 3, by_step)
    assert (tries.asked, tries.within(0.5), tries.within(0.95)) == (6, median, p95)
