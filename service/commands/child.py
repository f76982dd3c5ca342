"""One process that serves beside the main one, and our end of the pipe to it: closing it, or dying, leaves it alone."""

import logging
import multiprocessing
import socket
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.reduction import DupFd

from config import Settings
from service.commands import signals
from service.commands.worker import STOP

SPAWN = multiprocessing.get_context("spawn")  # the main process has threads, which do not survive a fork

log = logging.getLogger(__name__)

Work = Callable[[Settings, socket.socket, Connection, int], None]


class Child:
    """A process of its own, started when this is made. `lock` is a file descriptor that it keeps open."""

    def __init__(self, work: Work, settings: Settings, listener: socket.socket, lock: int) -> None:
        self.pipe, theirs = SPAWN.Pipe()
        given = (settings, listener, theirs, Inherited(lock))
        self.process = SPAWN.Process(target=work, args=given, daemon=True)
        self.process.start()
        theirs.close()
        self.is_ready = False

    def hear(self) -> None:
        """Note whether it has begun to serve."""
        if not self.is_ready and self.pipe.poll():
            with suppress(EOFError, OSError):  # it has died meanwhile
                self.pipe.recv_bytes()
                self.is_ready = True

    def tell_to_stop(self) -> None:
        """Have it answer what is in flight and end."""
        self.hear()
        if not self.is_ready:  # it serves nobody, and may be importing for a second or two
            self.process.kill()
        with suppress(OSError):
            self.pipe.send_bytes(STOP)

    def end(self, seconds: float) -> None:
        """Wait so long for its end, and then see to it."""
        self.process.join(max(0.0, seconds))
        if self.process.is_alive():
            log.error("process %s did not end and is killed", self.process.pid)
            self.process.kill()
            self.process.join()
        self.pipe.close()


class Inherited:
    """A file descriptor that a process has open from its birth on; there it is a number."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        DupFd(self._descriptor)  # names it to the process that is being started
        return int, (self._descriptor,)


def prepare() -> None:
    """Start what every child needs, before signals are held for good."""
    with signals.held():
        resource_tracker.ensure_running()  # it inherits that SIGHUP waits, and lets go of the others
