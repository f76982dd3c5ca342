"""`./latch`: the command line from anywhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service import VERSION
from tests.processes import ROOT, Finished


def typed(command: Path, *words: str, cwd: Path, path: str = os.defpath) -> Finished:
    environment = {"PATH": path}
    return subprocess.run([command, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout in which nothing was installed."""
    for name in ("latch", "run.py", "config.py"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("service", "settings", "models"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def test_it_runs_from_anywhere_also_by_a_link(bare: Path) -> None:
    link = bare / "link"
    link.symlink_to(bare / "latch")
    with_packages = f"{Path(sys.executable).parent}:{os.defpath}"
    done = typed(link, "--version", cwd=Path("/"), path=with_packages)
    assert (done.returncode, done.stdout) == (0, f"latch {VERSION}\n")


def test_without_its_packages_it_says_how_to_get_them(bare: Path) -> None:
    (bare / "bin").mkdir()
    for name in ("readlink", "dirname"):
        (bare / "bin" / name).symlink_to(str(shutil.which(name)))
    done = typed(bare / "latch", "check", cwd=Path("/"), path=str(bare / "bin"))
    assert done.returncode == 2
    assert done.stderr == f"latch: what it needs is not installed; type: make -C {bare} install\n"
    assert done.stdout == ""


@pytest.mark.slow
def test_a_file_is_looked_for_where_the_command_was_typed(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    here = tmp_path_factory.mktemp("here")
    (here / "people.txt").write_text("7\n")
    with_packages = f"{Path(sys.executable).parent}:{os.defpath}"
    words = ("revoke", "--yes", "--reason", "a test")
    found = typed(bare / "latch", *words, "--users", "people.txt", cwd=here, path=with_packages)
    assert (found.returncode, found.stdout) == (1, "users 1: ended 0 of 0 sessions\n")
    missing = typed(bare / "latch", *words, "--users", "others.txt", cwd=here, path=with_packages)
    assert "cannot be read: FileNotFoundError" in missing.stderr
