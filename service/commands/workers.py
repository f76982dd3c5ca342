"""Several worker processes on one socket: started, started again when they die, and stopped together.

Signals are taken in one place alone, while there is nothing to do but wait: no start and no stop is ever cut in two.
"""

import logging
import socket
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from config import Settings
from service.commands import child, signals
from service.commands.child import Child
from service.commands.worker import PUBLIC, work

LOOK = 0.5  # seconds between two looks at the workers, where nothing is heard of them
RESTART_PAUSE = 1.0  # seconds between two rounds of restarts: a worker that cannot start is no busy loop
STOP_MARGIN = 8.0  # seconds that a worker gets to end, besides those for its requests

log = logging.getLogger(__name__)


class Workers:
    """As many as WORKERS says. `lock` is a file descriptor that each of them keeps open."""

    def __init__(self, settings: Settings, listener: socket.socket, lock: int) -> None:
        self._settings = settings
        self._listener = listener
        self._lock = lock
        self._workers: list[Child] = []
        self._started = 0.0
        self._is_up = False

    def run(self, when_ready: Callable[[], None]) -> bool:
        """Work until a signal comes. False where a worker could not start; its own words are in the log."""
        child.prepare()
        with signals.held():
            try:
                while self._look(when_ready):
                    with signals.let_through():
                        wait(self._sources(), LOOK)
            except KeyboardInterrupt:
                return True
            finally:
                self._stop()
        return False

    def _look(self, when_ready: Callable[[], None]) -> bool:
        """Hear who is ready, start whoever is missing. False where that is of no use."""
        for worker in tuple(self._workers):
            worker.hear()
            if not worker.process.is_alive():
                self._workers.remove(worker)
                worker.pipe.close()
                if not self._report(worker.process):
                    return False
        if len(self._workers) < self._settings.workers and time.monotonic() - self._started >= RESTART_PAUSE:
            self._started = time.monotonic()
            while len(self._workers) < self._settings.workers:
                self._workers.append(Child(partial(work, PUBLIC), self._settings, self._listener, self._lock))
        if not self._is_up and self._workers and all(worker.is_ready for worker in self._workers):
            self._is_up = True
            when_ready()
        return True

    def _report(self, process: SpawnProcess) -> bool:
        """Whether to start it again: not where it has failed by itself before all were up."""
        if not self._is_up and (process.exitcode or 0) > 0:
            log.error("worker %s could not start (%s)", process.pid, process.exitcode)
            return False
        log.error("worker %s has died (%s); starting it again", process.pid, process.exitcode)
        return True

    def _sources(self) -> list[Connection | int]:
        """What there may be news from."""
        waited = [worker.pipe for worker in self._workers if not worker.is_ready]
        return [*waited, *(worker.process.sentinel for worker in self._workers)]

    def _stop(self) -> None:
        """Tell all workers, and wait for them as long as their requests may take."""
        self._listener.close()  # or else connections would wait here for workers that have closed theirs
        for worker in self._workers:
            worker.tell_to_stop()
        deadline = time.monotonic() + self._settings.graceful_timeout + STOP_MARGIN
        for worker in self._workers:
            worker.end(deadline - time.monotonic())
