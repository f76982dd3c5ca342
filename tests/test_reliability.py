"""What docs/faults.md shows is what was promised, of every fault that the bench knows."""

import re

from bench.fault_cases import CASES
from tests.processes import ROOT

LOSING = {  # the faults after which Redis has not all that it had
    "Redis restarted without its data",
    "Sentinel: master killed, replica cut off before",
    "the same, min-replicas-to-write 1",
}


def test_the_page_shows_every_fault_and_what_it_shows_keeps_the_promise() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = {cells[0]: cells[1:] for line in page.splitlines() if len(cells := line.strip("| ").split(" | ")) == 8}
    assert {fault for fault in rows if fault not in {"fault", "---"}} == set(CASES)
    for fault in CASES:
        _, answers, longest, _, _, lost, resurrected = rows[fault]
        assert float(longest) < 2
        assert "500" not in re.findall(r"\d+ (\d{3})", answers)
        if fault not in LOSING:
            assert (lost, resurrected) == ("0", "0"), fault
            assert not {"401", "403"} & set(re.findall(r"\d+ (\d{3})", answers))
