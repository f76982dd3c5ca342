"""The packages of the guards: their versions, what they need, and the page that shows them."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from service import VERSION
from tests.clients.backends import examples
from tests.processes import ROOT

PYTHON, NODE = ROOT / "clients" / "python", ROOT / "clients" / "node"
PROJECT = tomllib.loads((PYTHON / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGE = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8")
FRAMEWORKS = {"sanic", "starlette", "fastapi", "flask", "django", "asgiref"}


def test_the_guards_have_the_version_of_the_service() -> None:
    lock = json.loads((NODE / "package-lock.json").read_text(encoding="utf-8"))
    package = json.loads((NODE / "package.json").read_text(encoding="utf-8"))
    assert {PROJECT["version"], package["version"], lock["version"], lock["packages"][""]["version"]} == {VERSION}


def imports_of(path: Path) -> set[str]:
    return set(re.findall(r"^(?:import|from) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)) - {"latch_guard"}


def test_the_python_guard_needs_httpcore_alone_and_each_framework_in_its_own_file_alone() -> None:
    assert [re.split(r"[\[>]", name)[0] for name in PROJECT["dependencies"]] == ["httpcore"]
    for path in (PYTHON / "latch_guard").glob("*.py"):
        outside = imports_of(path) - sys.stdlib_module_names - {"httpcore"}
        of_framework = {"fastapi": {"fastapi", "starlette"}, "django": {"django", "asgiref"}}
        assert outside <= of_framework.get(path.stem, {path.stem}) & FRAMEWORKS, path.stem
    assert imports_of(PYTHON / "latch_guard" / "judgement.py").isdisjoint({"httpcore", "asyncio", "ssl", "threading"})


def test_every_file_of_the_python_guard_is_short() -> None:
    for path in (PYTHON / "latch_guard").glob("*.py"):
        assert path.read_text(encoding="utf-8").count("\n") < 160, path.stem


@pytest.mark.parametrize(("language", "readme"), [("python", PYTHON / "README.md"), ("js", NODE / "README.md")])
def test_the_page_shows_lines_of_programs_that_run(language: str, readme: Path) -> None:
    programs = [text for files in examples(readme).values() for text in files.values()]
    lines = {line.strip() for text in programs for line in text.splitlines()}
    [shown] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    code = [line.strip() for line in shown.splitlines() if line.strip() and not line.startswith(("# ", "// "))]
    assert len(code) > 3
    assert set(code) <= lines


@pytest.mark.slow
def test_the_python_guard_is_built_and_says_that_it_is_typed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for path in [PYTHON / "pyproject.toml", PYTHON / "README.md", *(PYTHON / "latch_guard").glob("*[!c]")]:
        if path.is_file():  # in a folder of its own: setuptools leaves what it builds beside the source
            target = source / path.relative_to(PYTHON)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    how = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    command = [sys.executable, "-m", "pip", "wheel", *how, "--wheel-dir", str(tmp_path), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.name == f"latch_guard-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("latch_guard/")}
    modules = {f"latch_guard/{path.name}" for path in (PYTHON / "latch_guard").glob("*.py")}
    assert names == modules | {"latch_guard/py.typed"}
    check = "import latch_guard, sys; assert '.whl' in latch_guard.__file__; print(latch_guard.Guard('http://a').check)"
    run = subprocess.run(
        [sys.executable, "-c", check], env={"PYTHONPATH": str(wheel)}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
