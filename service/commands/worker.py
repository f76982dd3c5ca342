"""What a worker process does: it serves until its main process says stop, or is gone.

It listens to no signal: those sent to all processes at once (Ctrl-C, systemd) reach the main process too, which says
stop. The system closes the pipe between them when the main process ends, so that no worker outlives it on its port.
"""

import asyncio
import gc
import logging
import os
import socket
import threading
import time
from importlib import import_module
from multiprocessing.connection import Connection

from config import Settings
from service.commands import http_server, signals
from service.commands.http_server import ORPHAN_GRACE, Stop, StopRequest
from service.http.requests import App
from service.observability import logs

LAST_RESORT = ORPHAN_GRACE + 5.0  # seconds after which an orphan ends, though its event loop hangs
PUBLIC, PRIVATE = "service.app", "service.admin"
READY = b"ready"
STOP = b"stop"

log = logging.getLogger(__name__)


def work(wiring: str, settings: Settings, listener: socket.socket, parent: Connection, _lock: int) -> None:
    """Serve on `listener` what `wiring` joins. `_lock` is a descriptor that stays open as long as this process."""
    signals.ignore()
    logs.configure(settings)
    watch = ParentWatch(parent)
    watch.start()
    http_server.run(built(wiring, settings), listener, watch.attach, lambda: parent.send_bytes(READY))


def built(wiring: str, settings: Settings) -> App:
    """The app of one server: PUBLIC or PRIVATE. Named, so that a process imports what it serves and no more."""
    app: App = import_module(wiring).build(settings)
    app.after_server_start(_keep)
    return app


def _keep(_app: App) -> None:
    """What there is now stays as long as the worker: it need not be looked at for garbage again and again."""
    gc.collect()
    gc.freeze()


class ParentWatch(threading.Thread):
    """Waits for the main process to say stop, or to end. A thread, because it must notice whatever the loop does."""

    def __init__(self, parent: Connection) -> None:
        super().__init__(name="parent-watch", daemon=True)
        self._parent = parent
        self._loop: asyncio.AbstractEventLoop | None = None
        self._request: StopRequest | None = None

    def attach(self, request: StopRequest) -> None:
        """From now on pass it on to this server. Before, nobody is served, and the process simply ends."""
        self._request, self._loop = request, asyncio.get_running_loop()

    def run(self) -> None:
        """Wait, pass it on, and see to it that an orphan ends."""
        why = self._wait()
        if self._loop is None or self._request is None:
            os._exit(0)
        try:
            self._loop.call_soon_threadsafe(http_server.request_stop, self._request, why)
        except RuntimeError:  # the loop is closed: the server has stopped already
            return
        if why is Stop.ORPHANED:
            log.warning("the main process is gone; this worker answers what is in flight and ends")
            time.sleep(LAST_RESORT)
            os._exit(1)

    def _wait(self) -> Stop:
        try:
            self._parent.recv_bytes()
        except (EOFError, OSError):
            return Stop.ORPHANED
        return Stop.REQUESTED
