"""What prometheus-client lacks: many observations at once, and an end to the gauges of workers that were killed."""

import os
import re
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import Histogram
from prometheus_client.multiprocess import mark_process_dead


class BulkHistogram(Histogram):
    """One that takes many observations at once."""

    def observe_all(self, amounts: Sequence[float]) -> None:
        """Observe each of them."""
        self._sum.inc(sum(amounts))
        ordered, below = sorted(amounts), 0
        for bucket, bound in enumerate(self._upper_bounds):
            upto = bisect_right(ordered, bound)
            if upto > below:
                self._buckets[bucket].inc(upto - below)
            below = upto


def forget_the_killed(folder: Path) -> None:
    """Drop the gauges of workers that had no time to take their leave: they would be added up for ever."""
    for path in folder.glob("gauge_live*.db"):
        if found := re.search(r"_(\d+)\.db$", path.name):
            try:
                os.kill(int(found[1]), 0)
            except ProcessLookupError:
                mark_process_dead(int(found[1]))  # type: ignore[no-untyped-call]
