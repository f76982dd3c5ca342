"""Break what Latch stands on, one thing after the other, under load, and print what its clients have seen.

`python -m bench.faults [--only <fault>]`. Each fault has servers of its own and a real `python run.py` with two workers
and the settings as they ship, but for the limits. docs/faults.md shows the table and says what it means.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.fault_cases import CASES, Case, Late
from bench.fault_ledger import Ledger
from bench.fault_load import CODE, NONE, Load
from tests.processes import Service, run

WARM = 2.0  # seconds of load before a fault
AFTER = 4.0  # and after it is over
HEAD = (
    "| fault | requests | answers | longest, s | longest for a code, s | works again after, s | lost | resurrected |\n"
    "|---|---|---|---|---|---|---|---|\n"
)


@dataclass(frozen=True, slots=True)
class Result:
    """What the clients have seen from the moment of the fault on."""

    fault: str
    ledger: Ledger
    again: float  # seconds from the moment when it is mended, or breaks if it mends itself, to the last failure

    @property
    def longest(self) -> float:
        """Of all answers but those that had to wait for an SMS provider."""
        return max((seconds for kind, seconds in self.ledger.longest.items() if kind != CODE), default=0)

    def __str__(self) -> str:
        """A row of the table in docs/faults.md."""
        statuses = sorted(self.ledger.statuses.items(), key=lambda item: (-item[1], item[0]))
        answers = ", ".join(f"{times} {status if status != NONE else 'cut off'}" for status, times in statuses)
        cells = (
            self.fault,
            sum(self.ledger.answers.values()),
            answers,
            f"{self.longest:.1f}",
            f"{self.ledger.longest.get(CODE, 0):.1f}",
            f"{self.again:.1f}",
            self.ledger.lost,
            self.ledger.risen,
        )
        return f"| {' | '.join(str(cell) for cell in cells)} |"


async def under_load(fault: str, service: Service, case: Case) -> Result:
    """Break it in the middle of a load, mend it, and look whether every promise was kept."""
    load = Load(service.port, service.data_dir / "sms.jsonl")
    going = asyncio.create_task(load.run())
    await asyncio.sleep(WARM)
    load.forget_answers()
    await asyncio.to_thread(case.breaks)
    await asyncio.sleep(case.lasts)
    over = time.monotonic()
    await asyncio.to_thread(case.heals)
    await asyncio.sleep(AFTER)
    load.stop()
    await going
    again = max(0.0, load.ledger.last_failure - over)
    await load.audit()
    await load.client.aclose()
    return Result(fault, load.ledger, again)


def suffered(fault: str) -> Result:
    """Servers, a service, a load, and the fault."""
    with ExitStack() as stack:
        late = Late()
        case = CASES[fault](stack, late)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="latch-"))) / "data"
        if "DATABASE_URL" in case.settings:
            run("migrate", folder, DATABASE_URL=case.settings["DATABASE_URL"])
        late.service = stack.enter_context(Service(folder, **{"WORKERS": 2, **case.settings}))
        return asyncio.run(under_load(fault, late.service, case))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--only", choices=CASES, action="append", metavar="FAULT", help=", ".join(CASES))
    chosen = parser.parse_args(arguments).only or list(CASES)
    sys.stdout.write(HEAD)
    for fault in chosen:
        sys.stdout.write(f"{suffered(fault)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
