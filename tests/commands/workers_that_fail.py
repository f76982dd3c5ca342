"""Workers for tests, in a module that imports next to nothing: each is a process that has to."""

import time
from multiprocessing.connection import Connection

LONG = 50.0


def fail(*_: object) -> None:
    raise SystemExit(3)


def ready_and_deaf(_wiring: str, _settings: object, _listener: object, parent: Connection, _lock: int) -> None:
    """Hears of no stop."""
    parent.send_bytes(b"ready")
    time.sleep(LONG)
