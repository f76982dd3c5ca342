"""What the documents say is what the code does."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from config import Settings
from service.entities import EndReason
from service.events import Event
from service.http.errors import REFRESH_STATUS, STATUS
from service.observability.audit import WARNINGS
from settings import reference
from settings.database_url import REFUSED, TAKEN, WITHOUT_EFFECT

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table(heading: str, page: str = README) -> list[list[str]]:
    """The cells of the table under a heading of a page, without its first two lines."""
    section = page.split(f"## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[re.sub("^`([^`]*)`$", r"\1", cell.strip()) for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_the_page_of_the_database_says_of_each_option_what_becomes_of_it() -> None:
    rows = table("Options of the URL", (ROOT / "docs" / "databases.md").read_text(encoding="utf-8"))
    documented: dict[str, str] = {}
    for names, what in rows:
        documented |= dict.fromkeys(re.findall(r"\w+", names), re.split("[:;,. ]", what)[0])
    expected = {**dict.fromkeys(TAKEN, "taken"), **dict.fromkeys(REFUSED, "refused")}
    assert {name: {"has": "have"}.get(verb, verb) for name, verb in documented.items()} == {
        **expected,
        **dict.fromkeys(WITHOUT_EFFECT, "have"),
    }


@pytest.mark.parametrize(
    ("name", "written"), [("docs/settings.md", reference.page), (".env.example", reference.example)]
)
def test_what_is_written_from_the_settings_is_up_to_date(name: str, written: Callable[[type[BaseModel]], str]) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == written(Settings), "type: make settings"


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_settings_that_the_readme_names_exist() -> None:
    section = README.split("## Settings\n")[1].split("\n## ")[0]
    named = set(re.findall("`([A-Z][A-Z_]+)`", section))
    assert len(named) > 3
    assert named <= {name.upper() for name in Settings.model_fields}


def test_the_readme_lists_every_error_with_its_status() -> None:
    documented = {code: status for code, status, _ in table("Errors")}
    expected = {code: str(status) for code, status in STATUS.items()}
    expected |= {code: f"{STATUS[code]}, on refresh {status}" for code, status in REFRESH_STATUS.items()}
    assert documented == expected


def test_the_readme_names_every_reason_for_an_end() -> None:
    [text] = [text for code, _, text in table("Errors") if code == "session_ended"]
    assert set(re.findall("`([a-z_]+)`", text)) - {"reason"} == {reason.value for reason in EndReason}


def test_the_page_of_events_lists_every_event_with_its_level() -> None:
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `([a-z_]+)` \| (info|warning) \|", page, re.MULTILINE))
    assert documented == {event.value: "warning" if event in WARNINGS else "info" for event in Event}


def test_every_page_has_a_place_in_the_site_and_a_line_on_its_first_page() -> None:
    docs = ROOT / "docs"
    pages = {str(path.relative_to(docs)) for path in docs.rglob("*.md")}
    named = re.findall(r"([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(pages)
    linked = {f"{folder}{name}" for folder in ("", "decisions/") for name in _linked(docs / f"{folder}index.md")}
    assert linked == pages - {"index.md"}


def _linked(page: Path) -> set[str]:
    """The pages of its own folder, or of one below, that a page links to."""
    return set(re.findall(r"\]\(([\w-]+(?:/[\w-]+)?\.md)\)", page.read_text(encoding="utf-8")))


def _defined(path: Path) -> Iterator[str]:
    """The functions and classes of a file, and what its classes define, as `Class.method`."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        if isinstance(node, ast.ClassDef):
            inner = (part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))
            yield from (f"{node.name}.{part.name}" for part in inner)


DEFINED = {path: set(_defined(path)) for path in (ROOT / "service").rglob("*.py")}
CLASSES = {name for names in DEFINED.values() for name in names if name[0].isupper()}
FUNCTIONS = {f"{path.stem}.{name}" for path, names in DEFINED.items() for name in names}
RECORDS = [ROOT / "docs" / "architecture.md", *(ROOT / "docs" / "decisions").glob("*.md")]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name)
def test_functions_that_are_named_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    dotted = set(re.findall(r"`([A-Za-z_]\w*\.[A-Za-z_]\w*)(?:\(\))?`", text))
    named = {name for name in dotted if not name.endswith((".py", ".md", ".yml", ".lua"))}
    assert named <= CLASSES | FUNCTIONS


def test_the_steps_through_the_rooms_name_what_their_files_define() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    steps = re.findall(r"^\| `(service/[\w/]+\.py)` \| (`[^|]+`) \|", page, re.MULTILINE)
    assert len(steps) > 30
    for name, functions in steps:
        assert set(re.findall("`([^`]+)`", functions)) <= DEFINED[ROOT / name], name


DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*/README.md")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(path: Path) -> None:
    pattern = r"`((?:service|settings|models|tests|docs|deploy|bench|examples)/[\w./-]+)`"
    for name in re.findall(pattern, path.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name
