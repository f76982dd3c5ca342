"""Where a report goes: `.bench/` always, and with --publish into docs/performance.md and its picture."""

import json
from dataclasses import asdict
from pathlib import Path

from bench import picture, report
from bench.findings import Findings
from bench.servers import BenchError

ROOT = Path(__file__).parent.parent
KEPT = ROOT / ".bench"
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance.svg"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
NEW_PAGE = f"""# How fast it is

Measured with `make bench`: everything in one run, in rounds that take turns, as ratios to a bare Sanic handler that
answers a constant of the same size (= 1), because machines differ and neighbours disturb. A figure is the median of the
rounds, and behind it stand the least and the greatest. The bare handler does nothing, so it is a bound and no rival.

![Answers a second, in those of a bare Sanic handler](performance.svg)

{BEGIN}
{END}
"""


def keep(found: Findings, folder: Path = KEPT) -> None:
    """The report, the picture, and everything that was measured, as `latest`."""
    folder.mkdir(exist_ok=True)
    (folder / "latest.md").write_text(report.text(found), encoding="utf-8")
    (folder / "latest.svg").write_text(picture.drawn(found), encoding="utf-8")
    (folder / "latest.json").write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")


def publish(found: Findings, page: Path = PAGE, drawing: Path = PICTURE) -> None:
    """The same for readers. The page is made if it is not there."""
    before = page.read_text(encoding="utf-8") if page.exists() else NEW_PAGE
    page.write_text(put_between(before, report.text(found)), encoding="utf-8")
    drawing.write_text(picture.drawn(found), encoding="utf-8")


def put_between(page: str, text: str) -> str:
    """The page with this text between its marks. Raises BenchError where it has none."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"docs/performance.md should hold the lines {BEGIN} and {END}, and the report goes between")
    return f"{head}{BEGIN}\n\n{text}\n{END}{tail}"
