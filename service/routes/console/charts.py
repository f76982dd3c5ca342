"""What a chart of bars is made of: their heights under a round scale, and a sentence for those who do not see it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from service.languages import gettext as _

TALL, WIDE = 40, 4  # of the plot, and of a bar with its gap, in units of the drawing


class Bar(NamedTuple):
    """A number, what stands below it, and the place of its bar; `height` is 0 where the number is."""

    label: str
    number: int
    left: int
    height: float


class Chart(NamedTuple):
    """Bars from the oldest to the newest, which may still grow. `top` is the number at the upper edge."""

    title: str
    total: int
    top: int
    bars: Sequence[Bar]

    @property
    def width(self) -> int:
        """Of the drawing, in its units."""
        return WIDE * len(self.bars)

    @property
    def said(self) -> str:
        """The chart in words: the sum, the highest bar, and the last."""
        highest, last = max(self.bars, key=lambda bar: bar.number), self.bars[-1]
        if not self.total:
            return _("%(title)s: none in this time.") % {"title": self.title}
        return _("%(title)s: %(total)s in all, most at %(when)s with %(most)s, %(last)s in the last minute.") % {
            "title": self.title,
            "total": self.total,
            "when": highest.label,
            "most": highest.number,
            "last": last.number,
        }


def chart(title: str, labels: Sequence[str], numbers: Sequence[int], top: int) -> Chart:
    """Return a chart of so many bars, one at least, under a scale that ends with `top`."""
    bars = [
        Bar(label, number, WIDE * place, round(TALL * number / top, 1))
        for place, (label, number) in enumerate(zip(labels, numbers, strict=True))
    ]
    return Chart(title, sum(numbers), top, bars)


def scale(*numbers: int) -> int:
    """Return the round number at which a scale ends that all of these fit under: 1, 2 or 5 times a power of ten."""
    most = max(numbers, default=0)
    if most <= 1:
        return 1
    power = int(10 ** math.floor(math.log10(most)))
    return next(power * step for step in (1, 2, 5, 10) if most <= power * step)
