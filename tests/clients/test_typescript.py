"""The TypeScript client: what it says of itself, its own tests in Node, and that `dist` is what its source makes."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import VERSION
from tests.clients.node import CLIENT, NODE, NPM, node
from tests.processes import PATIENCE

PACKAGE = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))
LOCK = json.loads((CLIENT / "package-lock.json").read_text(encoding="utf-8"))
UNREACHABLE = re.compile(r"E(NOTFOUND|AI_AGAIN|CONN\w+|TIMEDOUT|NETUNREACH)|network")
LIVES = 300


def npm(*words: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run it with the Node of the tests."""
    environment = {**os.environ, "PATH": f"{Path(NODE).parent}:{os.environ['PATH']}", **more}
    return subprocess.run(
        [*NPM, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The client's folder with what its lock file names, and without what was built of it."""
    folder = tmp_path_factory.mktemp("client") / "typescript"
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("node_modules", "dist", "snippet-*"))
    done = npm("ci", "--no-audit", "--no-fund", "--fetch-retries=0", "--fetch-timeout=10000", folder=folder)
    if done.returncode and UNREACHABLE.search(done.stderr):
        # Whoever is without the internet has no packages of npm's: told, and no failure.
        pytest.skip("npm's registry cannot be reached: the TypeScript client is NOT built here")
    assert done.returncode == 0, done.stderr
    yield folder
    shutil.rmtree(folder)


def test_the_package_has_the_version_of_the_service_and_needs_no_other() -> None:
    assert PACKAGE["version"] == LOCK["version"] == LOCK["packages"][""]["version"] == VERSION
    assert "dependencies" not in PACKAGE
    assert all(re.fullmatch(r"[\d.]+", version) for version in PACKAGE["devDependencies"].values())


def test_each_entry_has_its_four_files_and_there_are_no_others() -> None:
    stems = ("latch", "latch-axios", "latch-miniprogram")
    made = {f"{stem}{end}" for stem in stems for end in (".js", ".cjs", ".d.ts", ".d.cts")}
    assert {file.name for file in (CLIENT / "dist").iterdir()} == made


@pytest.mark.slow
def test_its_own_tests_pass() -> None:
    done = npm("test", folder=CLIENT, LATCH_NO_REGISTRY="1", LATCH_LIVES="1")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(0, 5 * LIVES, LIVES))
def test_in_1500_lives_on_a_bad_network_no_session_that_lives_is_lost(seed: int) -> None:
    done = node("--test", "test/faults.test.mjs", LATCH_LIVES=str(LIVES), LATCH_SEED=str(seed))
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_each_file_has_under_4_kb_minified_and_compressed(fresh: Path) -> None:
    sizes = json.loads(node("build.mjs", "--size", folder=fresh).stdout)
    assert len(sizes) == 3
    assert all(0 < size < 4000 for size in sizes.values()), sizes


@pytest.mark.slow
def test_dist_is_what_the_source_is_built_to(fresh: Path) -> None:
    done = npm("run", "build", folder=fresh)
    assert done.returncode == 0, done.stdout + done.stderr
    for made in (fresh / "dist").iterdir():
        assert made.read_text(encoding="utf-8") == (CLIENT / "dist" / made.name).read_text(encoding="utf-8"), made.name


@pytest.mark.slow
def test_source_snippets_and_uses_by_each_adapter_have_right_types(fresh: Path) -> None:
    shutil.copytree(CLIENT / "dist", fresh / "dist", dirs_exist_ok=True)
    done = npm("run", "check", folder=fresh)
    assert done.returncode == 0, done.stdout
    assert len(list((fresh / "types").glob("snippet-*.ts"))) == 5  # those of the README
