"""Values: what operators are shown of the whole service: how it is now, what becomes of messages and codes. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from service.activity import Active, Estimate, Minute, SenderState
from service.conversion_rule import ConversionRule, Judgement
from service.message_counts import CodeCounts, Tries


class SenderFigures(NamedTuple):
    """A sender now, and its messages of the last hour and day."""

    state: SenderState
    last_hour: Tries
    last_day: Tries


class CodeFigures(NamedTuple):
    """Codes of some numbers in the last hour and day. `guard` is None where there are too many to judge as one."""

    last_hour: CodeCounts
    last_day: CodeCounts
    guard: Judgement | None


class CodePicture(NamedTuple):
    """Codes of all numbers, of the prefixes that fare worst, the worst first, and of all other numbers.

    `asks_captcha`: where the guard is closed a captcha opens it; else strangers get no codes.
    """

    rule: ConversionRule
    asks_captcha: bool
    overall: CodeFigures
    prefixes: Mapping[str, CodeFigures]
    others: CodeFigures


class MessagePicture(NamedTuple):
    """What becomes of messages and codes."""

    senders: Sequence[SenderFigures]
    codes: CodePicture


class Picture(NamedTuple):
    """How it is now. None stands for what is not known; `minutes` are the last hour's, the oldest first.

    `stores` tells of each why it does not serve; it is empty of one that does.
    """

    active: Active | None
    sessions: Estimate | None
    minutes: list[Minute] | None
    stores: dict[str, str]
    senders: list[SenderState] | None
    codes: CodePicture | None
