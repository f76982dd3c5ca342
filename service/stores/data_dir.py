"""`DATA_DIR` belongs to one process at a time: its embedded Redis, its metrics, its lock file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


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
            raise DataDirInUse(
                f"another Latch (process {_holder(file)}) is running on {data_dir}; "
                "stop it, or give this one a DATA_DIR of its own"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _holder(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip() or "unknown"
