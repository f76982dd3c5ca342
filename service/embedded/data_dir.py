"""`DATA_DIR` belongs to one process at a time: its embedded Redis, its metrics, its lock file.

Its workers hold a lock of their own together. It outlives a process that was killed, for as long as they do.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from config import Settings


class DataDirInUse(Exception):
    """Another process holds `DATA_DIR`; the text says which."""


class DataDirUnusable(Exception):
    """`DATA_DIR` cannot be made or written; the text says why."""


def made(settings: Settings) -> None:
    """Make `DATA_DIR` where something is kept in it. Raises DataDirUnusable."""
    if settings.keeps_files:
        _make(settings.data_dir)


@contextmanager
def owned(data_dir: Path) -> Iterator[None]:
    """Hold `DATA_DIR` for one process. Raises DataDirInUse where another one has it, DataDirUnusable."""
    with _written(data_dir) as file:
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
def _written(data_dir: Path) -> Iterator[IO[str]]:
    _make(data_dir)
    try:
        file = (data_dir / "run.lock").open("a+", encoding="ascii")
    except OSError as error:
        raise _unusable(data_dir, error) from None
    with file:
        yield file


def _make(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unusable(data_dir, error) from None


def _unusable(data_dir: Path, error: OSError) -> DataDirUnusable:
    return DataDirUnusable(f"DATA_DIR: should be a folder that can be written; {data_dir}: {error.strerror}")


@contextmanager
def folder_of_a_run(settings: Settings) -> Iterator[Path | None]:
    """Yields where locks and metrics of a service go: `DATA_DIR`, held for it, or None if one process can do without.

    With all stores outside nothing is kept, so a `DATA_DIR` that cannot be written is replaced by a folder that goes
    with the process. Raises DataDirInUse, DataDirUnusable.
    """
    with ExitStack() as stack:
        folder: Path | None = settings.data_dir
        try:
            stack.enter_context(owned(settings.data_dir))
        except DataDirUnusable:
            if settings.keeps_files:
                raise
            is_alone = settings.workers == 1 and not settings.admin_port
            folder = None if is_alone else Path(stack.enter_context(_temporary()))
        yield folder


@contextmanager
def _temporary() -> Iterator[str]:
    try:
        folder = tempfile.TemporaryDirectory(prefix="latch-")
    except OSError as error:
        when = "where WORKERS is above 1 or ADMIN_PORT is not 0"
        text = f"DATA_DIR: should be a folder that can be written {when}: {error.strerror}"
        raise DataDirUnusable(text) from None
    with folder as path:
        yield path


@contextmanager
def held_by_workers(data_dir: Path) -> Iterator[int]:
    """A file descriptor to be handed on to workers: until the last of them ends, `has_workers` is true."""
    with (data_dir / "workers.lock").open("a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield file.fileno()


def has_workers(data_dir: Path | None) -> bool:
    """Whether workers of a process that is gone are still there."""
    if data_dir is None:
        return False
    with (data_dir / "workers.lock").open("a", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
