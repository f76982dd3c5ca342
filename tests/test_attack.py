"""The attacks of tests/attack.py get no further than docs/abuse.md says."""

import asyncio
import re
from pathlib import Path

import pytest

from tests import attack

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parent.parent / "docs" / "abuse.md").read_text(encoding="utf-8")


def test_attacks_get_no_further_than_the_page_says() -> None:
    told = {
        name: int(most)
        for name, most in re.findall(r"^\| ([a-z' ]+) \| \d+ \|[^|]*?(\d+) [a-z ]+\|", PAGE, re.MULTILINE)
    }
    got = {result.attack: result.got for result in asyncio.run(attack.attack())}
    assert set(told) == set(got)
    assert {name: most for name, most in got.items() if most > told[name]} == {}
    assert all(got.values()), "an attack that gets nothing at all was not carried out"
