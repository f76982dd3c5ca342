"""A newcomer at a terminal is shown how to become the first operator; a log never is."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import PATIENCE, ROOT, environment, free_port

LINK = re.compile(r"http://localhost:\d+/enrol#[a-z][a-z0-9._-]*\.[A-Za-z0-9_-]{43}")


def shown(data_dir: Path) -> str:
    """What a start prints on a terminal."""
    ours, theirs = pty.openpty()
    settings = {"PORT": free_port(), "ADMIN_PORT": free_port()}
    with subprocess.Popen(
        [sys.executable, "run.py"],
        cwd=ROOT,
        env=environment(data_dir, **settings),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        text, deadline = "", time.monotonic() + PATIENCE
        while not LINK.search(text) and time.monotonic() < deadline:
            text += os.read(ours, 65_536).decode()
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    os.close(ours)
    return text


@pytest.mark.slow
def test_on_a_terminal_a_start_shows_a_link_until_somebody_has_used_one(tmp_path: Path) -> None:
    first, second = (LINK.search(shown(tmp_path / "data")) for _ in range(2))
    assert first
    assert second
    assert first[0] != second[0]
