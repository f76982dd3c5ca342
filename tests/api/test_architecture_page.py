"""A check and a login pass what docs/architecture.md says they pass."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tests.client import MOBILE, Api
from tests.processes import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
STEP = re.compile(r"^\| `(service/[\w/]+\.py)` \| (`[^|]+`) \|", re.MULTILINE)

Passed = set[tuple[str, str]]  # a file, and a function or a method of it


def steps(heading: str) -> Passed:
    """What the table under this heading names. A class stands for its methods."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return {(file, name) for file, names in STEP.findall(section) for name in re.findall("`([^`]+)`", names)}


@contextmanager
def watched() -> Iterator[Passed]:
    """The functions of ours that run in this thread, and the classes that they are methods of."""
    passed: Passed = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT / "service"):
            file, name = str(path.relative_to(ROOT)), frame.f_code.co_qualname
            passed.update({(file, name), (file, name.partition(".")[0])})

    sys.setprofile(note)
    try:
        yield passed
    finally:
        sys.setprofile(None)


async def test_a_check_passes_what_the_page_says(api: Api) -> None:
    tokens = await api.log_in()
    with watched() as passed:
        response = await api.check(tokens["token"])
    assert response.status_code == 200
    assert len(steps("One token check")) > 25
    assert steps("One token check") - passed == set()


async def test_a_login_passes_what_the_page_says(api: Api) -> None:
    code = await api.new_code()
    with watched() as passed:
        response = await api.post_login(MOBILE, code)
    assert response.status_code == 200
    assert len(steps("One login")) > 15
    assert steps("One login") - passed == set()
