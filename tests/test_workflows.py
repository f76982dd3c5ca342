"""What GitHub reads is of the form that GitHub asks for, and asks for no more rights than it needs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from check_jsonschema import main as check

from tests.processes import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
WRITING = {"contents", "packages"}  # what a release needs, and its last job alone has


def steps_of(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def fits(schema: str, *paths: Path) -> bool:
    result = check(["--builtin-schema", schema, *map(str, paths)], standalone_mode=False)
    return result in (None, 0)


@pytest.fixture(params=WORKFLOWS, ids=lambda path: str(path.stem))
def workflow(request: pytest.FixtureRequest) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(request.param.read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.github-issue-forms", FORMS),
        ("vendor.github-issue-config", [GITHUB / "ISSUE_TEMPLATE" / "config.yml"]),
    ],
)
def test_files_are_of_the_form_that_github_reads(schema: str, paths: list[Path]) -> None:
    assert paths
    assert fits(schema, *paths)


def test_a_file_of_another_form_is_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.yml").write_text("on: push\njobs: {test: {steps: [{runs: make}]}}\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        check(["--builtin-schema", "vendor.github-workflows", str(tmp_path / "broken.yml")])
    assert "runs" in capsys.readouterr().out


def test_a_workflow_may_read_and_no_more(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        granted = {what for what, right in job.get("permissions", {}).items() if right == "write"}
        assert granted <= (WRITING if name == "publish" else set())


def test_a_job_ends_in_time(workflow: dict[str, Any]) -> None:
    assert "concurrency" in workflow
    assert all("timeout-minutes" in job for job in workflow["jobs"].values() if "uses" not in job)


def test_actions_are_pinned_to_a_version(workflow: dict[str, Any]) -> None:
    assert all(re.search(r"@v\d+$", step["uses"]) for step in steps_of(workflow) if "uses" in step)


def test_what_a_step_makes_is_a_target(workflow: dict[str, Any]) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for command in (step.get("run", "") for step in steps_of(workflow)):
        assert set(re.findall(r"^make ([a-z-]+)$", command, re.MULTILINE)) <= set(targets)
        assert all((ROOT / script).stat().st_mode & 0o100 for script in re.findall(r"^\.ci/\w+", command, re.MULTILINE))


def test_every_python_that_is_supported_is_tested() -> None:
    ci = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    tested = ci["jobs"]["test"]["strategy"]["matrix"]["python"]
    classifiers = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert tested == classifiers
