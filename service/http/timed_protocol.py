"""The waits of one client connection: for a request, for its rest, for its answer, for the next one. Each has a bound.

A client that sends a byte now and then, or nothing, holds a connection no longer than one that is honest.
"""

import time
from itertools import islice
from typing import Any

from sanic.exceptions import ServiceUnavailable as AnswerTooSlow
from sanic.http import Http, Stage
from sanic.server.protocols.http_protocol import HttpProtocol

from service.http.head import HEAD_LIMIT
from service.http.overload import broken_off
from service.http.reader import RequestReader
from service.http.timer import LazyTimer

FRESH = 1.0  # seconds in which a connection is not yet idle
LOOKS = 64  # connections looked at for one that is idle
LINGER = 2.0  # seconds in which what a client still sends is read over, so that it hears why it was refused
REQUEST_TIMEOUT = 408


class WholeHttp(Http):
    """Sanic's side of a connection, for heads as long as ours."""

    HEADER_MAX_SIZE = 2 * HEAD_LIMIT


class TimedProtocol(HttpProtocol):
    """One connection, and what is waited for on it."""

    HTTP_CLASS = WholeHttp
    __slots__ = ("_began", "_is_busy", "_is_over", "_is_with_sanic", "_reader", "_timer", "_was_used")

    def __init__(self, **given: Any) -> None:
        """Take what Sanic passes."""
        super().__init__(**given)
        self._reader = RequestReader(self.app.ctx.fast_routes.needs_no_body)
        self._began: float | None = None  # when the request began that has not come whole
        self._is_busy = False  # a request is being answered
        self._is_with_sanic = False  # it is Sanic that answers
        self._is_over = False  # nothing more is read
        self._was_used = False
        self._timer = LazyTimer(self.loop, self._due, self._end_wait)

    def check_timeouts(self) -> None:
        """Begin to look at time limits, in place of Sanic's way."""
        self._timer.watch(self.keep_alive_timeout)

    def _due(self) -> float:
        """The moment at which the present wait has been too long."""
        since: float = self._time
        if self._began is not None:
            since, most = self._began, self.request_timeout
        elif self._is_with_sanic:
            most = self.response_timeout
        elif self._is_busy:  # whatever it waits for has a time limit of its own
            since, most = time.monotonic(), self.response_timeout
        else:
            most = self.keep_alive_timeout if self._was_used else self.request_timeout
        return since + float(most)

    def _end_wait(self) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        if self._began is not None:
            self._break_off(REQUEST_TIMEOUT)
        elif self._is_with_sanic:
            self._cut_off()
        else:
            self.close()

    def _cut_off(self) -> None:
        """The answer takes too long; Sanic is to say so."""
        self._time = time.monotonic()
        self._timer.watch(self.keep_alive_timeout)
        if self.http is not None and self.http.stage is not Stage.IDLE and self._task:
            self.http.exception = AnswerTooSlow("Response Timeout")
            self._task.cancel()

    def make_room(self) -> bool:
        """Close a connection that has been idle for a while. A new one is about to ask, and is let be."""
        return any(other.close_if_idle(FRESH) for other in tuple(islice(self.connections, LOOKS)))

    def close_if_idle(self, seconds: float = 0.0) -> bool:
        """Close the connection if it has been idle for so long. One on which a request has begun is not."""
        if self._is_busy or (self._reader.has_begun and not self._is_over) or time.monotonic() - self._time < seconds:
            return False
        self.close()
        return True

    def close(self, timeout: float | None = None) -> None:
        """Close the connection, once what was written is out."""
        self._timer.cancel()
        super().close(timeout)

    def _break_off(self, status: int) -> None:
        """Say what is wrong, and read nothing more from this client as a request."""
        self._is_over = True
        if self.transport is None or self.transport.is_closing():
            return
        seconds = time.monotonic() - (self._began or self._time)
        self.transport.write(broken_off(self.app, self._reader.head, status, self._peer, seconds))
        self._hang_up()

    def _hang_up(self) -> None:
        """Close, and read over for a while what the client still sends: cut off, it might not hear its answer."""
        self._is_over = True
        if self.transport is None:
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.loop.call_later(LINGER, self.close)
        else:  # TLS has no half-closed connections
            self.close()

    @property
    def _peer(self) -> str:
        return self.conn_info.client_ip if self.conn_info else ""
