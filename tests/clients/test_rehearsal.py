"""Our own clients go through 1,000 runs of `latch rehearse`, and lose no session that lives.

In twenty rehearsals of fifty, each with a seed of its own: no test may take a minute, on a busy machine either.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients import jvm, node
from tests.processes import ROOT, environment, free_port

RUNS, SEEDS = 50, range(20)
PATIENCE = 58.0  # seconds

pytestmark = pytest.mark.slow


def reference(_: Path) -> list[str]:
    return [sys.executable, "-m", "tests.clients.reference_driver"]


def typescript(_: Path) -> list[str]:
    return [node.NODE, str(node.CLIENT / "rehearsal.mjs")]


def okhttp(folder: Path) -> list[str]:
    jvm.skip_where_missing()
    sources = [jvm.CLIENT / "Rehearsal.java", *(jvm.CLIENT / "latch").rglob("*.java")]
    class_path = next(iter(jvm.class_paths().values()))
    return ["java", "-cp", jvm.compiled_once(folder, class_path, *sources), "Rehearsal"]


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Where compiled classes go, for all processes of the run."""
    folder = tmp_path_factory.getbasetemp()
    return (folder if worker_id == "master" else folder.parent) / "rehearsal"


@pytest.mark.parametrize(
    ("driver", "seed"), [(reference, 0), *((driver, seed) for driver in (typescript, okhttp) for seed in SEEDS)]
)
def test_not_one_session_is_lost(driver: Callable[[Path], list[str]], seed: int, classes: Path, folder: Path) -> None:
    options = ["--runs", str(RUNS), "--seed", str(seed), "--port", "0", "--timeout", "45", "--json"]
    result = subprocess.run(
        [sys.executable, "run.py", "rehearse", *options, "--", *driver(classes)],
        cwd=ROOT,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    outcome = json.loads(result.stdout)
    assert result.returncode == 0, (outcome["complaints"], outcome["failed"][:2], result.stderr[-2000:])
    [*_, total] = outcome["scripts"]
    assert total["runs"] == RUNS
    assert total["refreshes"] > 2 * RUNS  # or else nothing was rehearsed
    assert total["logins"] > RUNS


@pytest.mark.parametrize("driver", [reference, typescript, okhttp])
def test_a_driver_ends_when_its_rehearsal_is_gone(
    driver: Callable[[Path], list[str]], classes: Path, folder: Path
) -> None:
    gone = environment(folder) | {"LATCH_REHEARSAL": f"http://127.0.0.1:{free_port()}"}
    result = subprocess.run(driver(classes), cwd=ROOT, env=gone, capture_output=True, timeout=PATIENCE, check=False)
    assert result.returncode == 1, result.stderr
