"""The process of the private listener: it begins when the service serves, is started again when it dies, stops with it.

A thread sees to it, since the main process may be a server itself.
"""

import logging
import socket
import threading
from functools import partial
from types import TracebackType
from typing import Self

from config import Settings
from service.commands import child, signals
from service.commands.child import Child
from service.commands.worker import PRIVATE, work

LOOK = 0.5  # seconds between two looks at whether it is alive
RESTART_PAUSE = 1.0  # seconds before it is started again: one that cannot start is no busy loop
STOP_MARGIN = 5.0  # seconds that it gets to end; its requests are short

log = logging.getLogger(__name__)


class AdminProcess:
    """For as long as a block runs, once `start` was called. Nothing where `listener` is None: there is to be none."""

    def __init__(self, settings: Settings, listener: socket.socket | None, lock: int) -> None:
        self._settings = settings
        self._lock = lock
        self._stopping = threading.Event()
        self._thread = None
        if listener:
            self._thread = threading.Thread(target=self._see_to_it, args=(listener,), name="admin-watch", daemon=True)

    def start(self) -> None:
        """Start it, and see to it from now on. Returns at once."""
        if self._thread:
            self._thread.start()

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._thread and self._thread.ident:
            self._thread.join()

    def _see_to_it(self, listener: socket.socket) -> None:
        child.prepare()
        with signals.held():  # they are the main thread's business
            while not self._stopping.is_set():
                self._run_one(listener)

    def _run_one(self, listener: socket.socket) -> None:
        """One process, until it dies or is to stop."""
        process = Child(partial(work, PRIVATE), self._settings, listener, self._lock)
        while process.process.is_alive():
            process.hear()
            if self._stopping.wait(LOOK):
                process.tell_to_stop()
                process.end(STOP_MARGIN)
                return
        process.pipe.close()
        log.error(
            "the admin process %s has died (%s); starting it again", process.process.pid, process.process.exitcode
        )
        self._stopping.wait(RESTART_PAUSE)
