"""Where log lines go: standard error, those of one turn of the event loop in one write.

A write is a call of the system, and costs a login more than making its lines. Warnings, and lines of other threads, go
at once, with all that came before them; so does everything where no loop was named.
"""

import asyncio
import logging
import sys
import threading
from collections.abc import Iterator
from contextvars import Context

PIPE = 4096  # bytes that a pipe takes in one piece (PIPE_BUF): several workers may write to the same one


class Output(logging.Handler):
    """Writes each line whole, in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self._stream = sys.stderr
        self._lines: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def gather(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """From now on write what this loop's thread logs at the end of each turn; None: at once."""
        self.flush()
        self._loop, self._thread = loop, threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line, or keep it until the turn ends."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - as every handler of the library does
            self.handleError(record)
            return
        self.say(line, at_once=record.levelno >= logging.WARNING)

    def say(self, line: str, *, at_once: bool) -> None:
        """Write a finished line, or keep it until the turn ends."""
        self.acquire()  # another thread may be about to write
        try:
            self._lines.append(line)
            loop = self._loop
            if loop is None or at_once or loop.is_closed() or threading.get_ident() != self._thread:
                self.flush()
            elif len(self._lines) == 1:
                loop.call_soon(self.flush, context=Context())
        finally:
            self.release()

    def flush(self) -> None:
        """Write what is kept."""
        self.acquire()
        try:
            lines, self._lines = self._lines, []
            for piece in _pieces(lines):
                self._stream.write(piece)
                self._stream.flush()
        except (OSError, ValueError):  # nobody reads on, or the stream is closed
            self.handleError(logging.makeLogRecord({"msg": "lines of the log could not be written"}))
        finally:
            self.release()


def _pieces(lines: list[str]) -> Iterator[str]:
    """Whole lines, as many at a time as a pipe takes in one piece."""
    piece: list[str] = []
    size = 0
    for line in lines:
        length = (len(line) if line.isascii() else len(line.encode(errors="backslashreplace"))) + 1
        if piece and size + length > PIPE:
            yield "\n".join([*piece, ""])
            piece, size = [], 0
        piece.append(line)
        size += length
    if piece:
        yield "\n".join([*piece, ""])
