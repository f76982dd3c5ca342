"""A DATA_DIR that cannot be written: a sentence, or, where nothing is kept in it, no matter."""

from pathlib import Path

import httpx
import pytest

from tests.commands.test_workers import listens
from tests.processes import PATIENCE, Service, free_port, run_here
from tests.test_stopping import until

OUTSIDE = {
    "REDIS_URL": "redis://127.0.0.1:1",  # nobody listens there; it serves all the same, and answers 503
    "DATABASE_URL": "postgres://latch@127.0.0.1:1/latch",
    "CODE_PEPPER": "p" * 32,
}


@pytest.fixture
def no_folder(folder: Path) -> Path:
    """A file where the folder should be: not even root can write into that."""
    folder.touch()
    return folder


@pytest.mark.parametrize("settings", [{}, {"CODE_PEPPER": "p" * 32}, OUTSIDE | {"SMS_SENDER": "file"}])
def test_what_is_kept_needs_a_folder_that_can_be_written(no_folder: Path, settings: dict[str, str]) -> None:
    done = run_here("serve", no_folder, **settings)
    assert done.returncode == 2
    assert "DATA_DIR: should be a folder" in done.stderr
    assert str(no_folder) in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "private"), [(1, False), (2, False), (1, True)])
def test_with_all_stores_outside_no_folder_is_needed(
    no_folder: Path, workers: int, tmp_path: Path, *, private: bool
) -> None:
    admin_port = free_port() if private else 0
    settings = OUTSIDE | {"SMS_SENDER": "console", "WORKERS": str(workers), "TMPDIR": str(tmp_path)}
    with Service(no_folder, ready="/healthz", **settings, ADMIN_PORT=admin_port) as service:
        if private:
            until(lambda: listens(admin_port), service)
        port = admin_port or service.port
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=PATIENCE)
        assert 'latch_build_info{version="' in answer.text
        assert service.http.get("/readyz").status_code == 503
        assert service.stop() == 0, service.text()
    assert "Traceback" not in service.text()
    assert list(tmp_path.glob("latch-*")) == []
