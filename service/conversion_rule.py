"""The rule of the guard against SMS pumping: when codes that are hardly used stop, and until when. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

HOUR = 60  # minutes that are looked back on


@dataclass(frozen=True, slots=True)
class Conversion:
    """How many codes were sent and used."""

    sent: int
    used: int


Minutes = Mapping[int, Conversion]  # by minute since the epoch


class HeldBy(StrEnum):
    """Whose codes are hardly used: those of the number's own prefix, or of all numbers."""

    PREFIX = "prefix"
    ALL = "all"


class Judgement(NamedTuple):
    """What the guard does for a prefix, by these figures of the last hour. `held_by` is None where codes go out.

    `until` is the moment from which they go out again, if none is sent or used before; None where they do now.
    """

    conversion: Conversion
    held_by: HeldBy | None
    until: int | None


@dataclass(frozen=True, slots=True)
class ConversionRule:
    """`least` is the part of an hour's codes that must be used, 0 switches the rule off; asked for from `min_sent`."""

    least: float
    min_sent: int

    def held_by(self, own: Conversion, overall: Conversion) -> HeldBy | None:
        """What holds back the codes of a prefix, if anything does.

        When codes as a whole are not used, a prefix goes on only if its own are: an attack on the service must not
        shut out those who do log in.
        """
        if not self.least:
            return None
        if self._is_low(own):
            return HeldBy.PREFIX
        if self._is_low(overall) and not (own.used and self._converts(own)):
            return HeldBy.ALL
        return None

    def judge(self, own: Minutes, overall: Minutes, minute: int) -> Judgement:
        """What becomes of the codes of a prefix in this minute."""
        conversion, held_by = _within_hour(own, minute), self._held_in(own, overall, minute)
        if not held_by:
            return Judgement(conversion, None, None)
        opens = next(later for later in range(minute + 1, minute + HOUR + 1) if not self._held_in(own, overall, later))
        return Judgement(conversion, held_by, opens * 60)

    def judge_all(self, overall: Minutes, minute: int) -> Judgement:
        """What becomes in this minute of the codes of prefixes that have none sent nor used, with all there are."""
        return self.judge({}, overall, minute)._replace(conversion=_within_hour(overall, minute))

    def _held_in(self, own: Minutes, overall: Minutes, minute: int) -> HeldBy | None:
        return self.held_by(_within_hour(own, minute), _within_hour(overall, minute))

    def _is_low(self, conversion: Conversion) -> bool:
        return conversion.sent >= self.min_sent and not self._converts(conversion)

    def _converts(self, conversion: Conversion) -> bool:
        return conversion.used >= self.least * conversion.sent


def _within_hour(minutes: Minutes, last: int) -> Conversion:
    found = [one for minute, one in minutes.items() if last - HOUR < minute <= last]
    return Conversion(sum(one.sent for one in found), sum(one.used for one in found))
