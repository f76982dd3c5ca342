"""Where log lines go: standard error, those of one turn of the event loop in one write.

A write is a call of the system, and costs a login more than making its lines. Warnings, and lines of other threads, go
at once, with all that came before them; so does everything where no loop was named.
"""

import asyncio
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context

PIPE = 4096  # bytes that a pipe takes in one piece (PIPE_BUF): several workers may write to the same one


class LogHandler(logging.Handler):
    """Writes each line whole, in the order in which they came.

    Where those of a turn need cleaning, `clean` gets each of them by itself: what ends one and what begins the next
    are not to be taken for one thing.
    """

    def __init__(self, clean: Callable[[str], str] = str, needs_cleaning: Callable[[str], bool] = bool) -> None:
        super().__init__()
        self._clean = clean
        self._needs_cleaning = needs_cleaning
        self._stream = sys.stderr
        self._lines: deque[str] = deque()  # its `append` and `popleft` need no lock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._is_due = False

    def gather(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """From now on write what this loop's thread logs at the end of each turn; None: at once."""
        self.flush()
        self._loop, self._thread, self._is_due = loop, threading.get_ident(), False

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line, or keep it until the turn ends."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - as every handler of the library does
            self.handleError(record)
            return
        self.write(line, at_once=record.levelno >= logging.WARNING)

    def write(self, line: str, *, at_once: bool) -> None:
        """Write a finished line, or keep it until the turn ends."""
        self._lines.append(line)
        if at_once or self._loop is None or threading.get_ident() != self._thread:
            self.flush()
        elif not self._is_due:
            try:
                self._loop.call_soon(self._end_turn, context=Context())
                self._is_due = True
            except RuntimeError:  # the loop is closed
                self.flush()

    def _end_turn(self) -> None:
        self._is_due = False
        self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        self.acquire()  # another thread may be writing
        try:
            # Each line once, though others are added meanwhile.
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            for piece in _pieces(self._cleaned(lines)):
                self._stream.write(piece)
                self._stream.flush()
        except (OSError, ValueError):  # nobody reads on, or the stream is closed
            self.handleError(logging.makeLogRecord({"msg": "lines of the log could not be written"}))
        finally:
            self.release()

    def _cleaned(self, lines: list[str]) -> str:
        text = "\n".join([*lines, ""]) if lines else ""
        return "\n".join([*map(self._clean, lines), ""]) if self._needs_cleaning(text) else text


def _pieces(text: str) -> Iterator[str]:
    """Whole lines, as many at a time as a pipe takes in one piece."""
    data = text.encode(errors="backslashreplace")
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + PIPE) + 1 or data.find(b"\n", start) + 1
        yield data[start:end].decode()
        start = end
