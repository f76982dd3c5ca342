"""`DATA_DIR` belongs to one process at a time: its embedded Redis, its metrics, its lock file.

Its workers hold a lock of their own together. It outlives a process that was killed, for as long as they do.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataDirInUse(Exception):
    """Another process holds `DATA_DIR`; the text says which."""


@contextmanager
def owned(data_dir: Path) -> Iterator[None]:
    """Hold `DATA_DIR` for one process. Raises DataDirInUse where another one has it."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "run.lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = f"another Latch (process {file.read().strip() or 'unknown'}) is running on {data_dir}"
            raise DataDirInUse(f"{holder}; stop it, or give this one a DATA_DIR of its own") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextmanager
def held_by_workers(data_dir: Path) -> Iterator[int]:
    """A file descriptor to be handed on to workers: until the last of them ends, `has_workers` is true."""
    with (data_dir / "workers.lock").open("a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield file.fileno()


def has_workers(data_dir: Path) -> bool:
    """Whether workers of a process that is gone are still there."""
    with (data_dir / "workers.lock").open("a", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
