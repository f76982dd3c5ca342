"""The signals that stop the service: Ctrl-C, a supervisor's SIGTERM, and the SIGHUP of a terminal that closes.

Whatever follows the first one changes nothing. With SIGHUP ignored from the outset (`nohup`) it stays ignored; so it is
where no terminal is that could close, since there it is a supervisor's way to ask for a reload, and must do no harm.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Handler = Callable[[int, FrameType | None], None]


def wanted() -> list[signal.Signals]:
    """Those that stop this process."""
    return [number for number in STOPPING if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]


def leave_at_once() -> None:
    """While nothing has begun: a stop is a good end. The first to be called in a process."""
    if not _has_terminal():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _on_each(lambda *_: os._exit(0))


def interrupt_once() -> None:
    """Raise KeyboardInterrupt in the main thread, and pass over the next signals: what tidies up is not disturbed."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        ignore()
        raise KeyboardInterrupt

    _on_each(interrupt)


def ignore() -> None:
    """A stop is under way, or is somebody else's business. Drops those that wait."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def held() -> Iterator[None]:
    """Let signals wait until the block ends. Processes that it starts begin with signals that wait."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def let_through() -> Iterator[None]:
    """Where `held` is in force: take a signal within this block."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)


def _has_terminal() -> bool:
    """Whether there is a terminal whose end would be this process' end."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _on_each(handler: Handler) -> None:
    for number in wanted():
        signal.signal(number, handler)
