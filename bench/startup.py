"""How long Latch takes from its start until /readyz answers 200, with the stores that it brings."""

from pathlib import Path

from bench import findings as f
from bench.cores import Cores
from bench.figures import Figure
from bench.findings import Findings
from bench.latch import Latch


def measure(found: Findings, folder: Path, cores: Cores, times: int) -> None:
    """Some starts on a folder that is not there yet, each followed by one on the same folder."""
    empty: list[float] = []
    used: list[float] = []
    for number in range(times):
        for seconds in (empty, used):
            with Latch(folder, cores.pair, data=f"start-{number}") as latch:
                seconds.append(latch.started)
    found.put(f.START_EMPTY, Figure(tuple(empty)))
    found.put(f.START_USED, Figure(tuple(used)))
