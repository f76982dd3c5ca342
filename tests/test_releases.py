"""The version stands in one place, and the changelog tells of it."""

import re
import tomllib
from datetime import date
from itertools import pairwise

from service import VERSION
from tests.processes import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
RELEASES = [heading.split(" - ") for heading in HEADINGS[1:]]
CHANGES = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}  # Keep a Changelog's kinds


def numbers(version: str) -> list[int]:
    """Raises ValueError for what is no Semantic Version of ours."""
    parts = [int(part) for part in version.split(".")]
    if len(parts) != 3:
        raise ValueError(version)
    return parts


def test_the_project_has_the_version_of_the_service() -> None:
    assert "version" not in PROJECT["project"]
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "service.VERSION"}


def test_the_newest_release_of_the_changelog_is_this_version() -> None:
    assert HEADINGS[0] == "Unreleased"
    assert RELEASES[0][0] == VERSION


def test_releases_stand_in_order_with_their_dates() -> None:
    for (newer, day), (older, day_before) in pairwise(RELEASES):
        assert numbers(newer) > numbers(older)
        assert date.fromisoformat(day) >= date.fromisoformat(day_before)
    assert all(date.fromisoformat(day) and numbers(version) for version, day in RELEASES)


def test_changes_are_of_the_kinds_of_keep_a_changelog() -> None:
    assert set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE)) <= CHANGES
