"""The rule of the conversion guard: what it holds back, and until when."""

import pytest

from service.conversion_rule import Conversion, ConversionRule, HeldBy, Judgement

RULE = ConversionRule(0.5, 4)
NONE, LOW, GOOD = Conversion(0, 0), Conversion(4, 1), Conversion(4, 2)
MINUTE = 29_453_760


@pytest.mark.parametrize(
    ("own", "overall", "held_by"),
    [
        (NONE, NONE, None),
        (Conversion(3, 0), NONE, None),  # too few to tell
        (LOW, GOOD, HeldBy.PREFIX),
        (LOW, LOW, HeldBy.PREFIX),
        (NONE, LOW, HeldBy.ALL),
        (Conversion(3, 1), LOW, HeldBy.ALL),
        (Conversion(2, 1), LOW, None),  # its own are used
        (GOOD, LOW, None),
    ],
)
def test_codes_that_are_hardly_used_are_held_back(own: Conversion, overall: Conversion, held_by: HeldBy | None) -> None:
    assert RULE.held_by(own, overall) is held_by
    assert ConversionRule(0, 4).held_by(own, overall) is None


def test_a_prefix_opens_when_too_few_are_left_within_the_hour() -> None:
    own = {MINUTE - 61: Conversion(9, 0), MINUTE - 50: Conversion(2, 0), MINUTE: Conversion(2, 0)}
    assert RULE.judge(own, {}, MINUTE) == Judgement(Conversion(4, 0), HeldBy.PREFIX, (MINUTE + 10) * 60)
    assert RULE.judge(own, {}, MINUTE + 9).held_by is HeldBy.PREFIX
    assert RULE.judge(own, {}, MINUTE + 10) == Judgement(Conversion(2, 0), None, None)


def test_it_stays_held_while_the_codes_of_all_numbers_are() -> None:
    own, overall = {MINUTE - 50: Conversion(4, 0)}, {MINUTE - 20: Conversion(4, 0)}
    assert RULE.judge(own, overall, MINUTE) == Judgement(Conversion(4, 0), HeldBy.PREFIX, (MINUTE + 40) * 60)


def test_codes_that_were_used_long_ago_may_have_kept_it_open() -> None:
    own = {MINUTE - 59: Conversion(0, 3), MINUTE: Conversion(4, 0)}
    assert RULE.judge(own, {}, MINUTE) == Judgement(Conversion(4, 3), None, None)
    assert RULE.judge(own, {}, MINUTE + 1) == Judgement(Conversion(4, 0), HeldBy.PREFIX, (MINUTE + 60) * 60)


def test_all_numbers_are_judged_as_strangers_of_a_new_prefix_are() -> None:
    overall = {MINUTE - 1: Conversion(8, 1)}
    assert RULE.judge_all(overall, MINUTE) == Judgement(Conversion(8, 1), HeldBy.ALL, (MINUTE + 59) * 60)
    assert RULE.judge_all({MINUTE: GOOD}, MINUTE) == Judgement(GOOD, None, None)
