"""One client connection: cuts its bytes into requests, serves the hot ones from their bytes, sheds load.

No request is looked at before it has come whole, and Sanic is handed one at a time, its head read and its body framed
here: Sanic calls a connection idle as soon as an answer is out, and would take the rest of a body for a request.

Refusing a request after Sanic has parsed and routed it costs a good part of serving it, so one too many is refused
here, and only a few in one round of the event loop. Whoever waits to be refused is not listened to meanwhile.
"""

import time
from functools import partial
from typing import Any

from service.http import localized
from service.http.cors import cors_headers
from service.http.fastpath import FastRoute, serve
from service.http.head import ProtocolError, RawRequest
from service.http.overload import kind_of, refusal
from service.http.requests import sane_id
from service.http.timed_protocol import TimedProtocol
from service.runtime.admission import CONNECTIONS, RequestClass
from service.runtime.eager import Eager

AHEAD = 4096  # bytes that a client may send before it has its answer; more is left in the system's buffer
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class BoundedProtocol(TimedProtocol):
    """One connection. A request that has come whole holds a slot of `admission` until its answer is out."""

    __slots__ = ("_answering", "_is_paused", "_is_reading", "_kind", "_shielded", "raw")

    def __init__(self, **given: Any) -> None:
        """Take what Sanic passes."""
        super().__init__(**given)
        self._kind: RequestClass | None = None
        self._answering: Eager | None = None
        self._shielded = False  # what is being answered, though the client hangs up
        self._is_reading = False
        self._is_paused = False
        self.raw: RawRequest | None = None  # what Sanic answers, as it was read

    def connection_made(self, transport: Any) -> None:
        """Make room for the connection by closing one that is idle, or else refuse it."""
        context = self.app.ctx
        if len(self.connections) >= context.settings.max_connections and not self.make_room():
            context.admission.refuse(CONNECTIONS)
            transport.write(refusal(sane_id(""), localized.asked_for(self.app, None), closes=True))
            transport.close()
            return
        super().connection_made(transport)  # type: ignore[no-untyped-call]
        self._reader.peer = self._peer

    # What has come is cut into requests.

    def data_received(self, data: bytes) -> None:
        """Take what has come, and serve what is whole."""
        if self.transport is None or self._is_over:
            return
        self._reader.unread += data
        if not self._is_busy:
            self._time = time.monotonic()
            self._read()
        elif len(self._reader.unread) > AHEAD:
            self._pause()

    def _read(self) -> None:
        """Serve one request after the other, as long as they are whole and answered at once."""
        self._is_reading = True
        try:
            reader = self._reader
            while reader.unread and not (self._is_busy or self._is_over) and (request := reader.next()):
                self._serve(request)
        except ProtocolError as error:
            self._break_off(error.status)
        finally:
            self._is_reading = False
        if not (self._is_busy or self._is_over):
            if reader.unread or reader.head:
                self._wait_for_the_rest()
            else:
                self._began = None

    def _wait_for_the_rest(self) -> None:
        if self._began is None:
            self._began = self._time
            self._timer.watch(self.keep_alive_timeout)
        if self._reader.owes_continue() and self.transport:
            self.transport.write(CONTINUE)

    # A request is served, or turned away.

    def _serve(self, request: RawRequest) -> None:
        self._is_busy, self._was_used, self._began = True, True, None
        head = request.head
        route: FastRoute | None = self.app.ctx.fast_routes.find(request)
        kind = route.kind if route else kind_of(head.method.decode(), head.path)
        if kind and not self._acquire(kind):
            self._shed(request)
            return
        if route:
            self._shielded = route.mutates
            answering = Eager(self._answer(route, request))
            self._answering = None if answering.is_done else answering
            return
        self._is_with_sanic, self.raw = True, request
        super().data_received(head._replace(is_persistent=not head.is_last).with_body(request.body))
        self._timer.watch(self.keep_alive_timeout)

    async def _answer(self, route: FastRoute, request: RawRequest) -> None:
        answer = await serve(self.app, route, request)
        self._shielded = False  # all is done but for telling
        if not self._can_write.is_set():
            await self._can_write.wait()
        self._answering = None
        if self.transport is None or self.transport.is_closing():
            self._release()
            return
        self.transport.write(answer)
        self._end(closes=self.app.ctx.admission.stopping or request.head.is_last)

    async def receive_more(self) -> None:
        """Sanic is ready for a request: the one before it is answered."""
        self._data_received.clear()
        if self._is_with_sanic:
            self._is_with_sanic = False
            self._end(closes=False)
        await self._data_received.wait()

    def _shed(self, request: RawRequest) -> None:
        self._pause()
        self.app.ctx.admission.when_there_is_time(partial(self._reject, request))

    def _pause(self) -> None:
        """Leave in the system's buffer what the client sends, until the request at hand is answered."""
        if self.transport and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()

    def _reject(self, request: RawRequest) -> None:
        """Answer 503 and listen again, or close where that was asked for, or the server is stopping."""
        if self.transport is None or self.transport.is_closing():
            return
        head = request.head
        closes = self.app.ctx.admission.stopping or head.is_last
        cors, has_body = cors_headers(self.app, head.header(b"origin")), head.method != b"HEAD"
        request_id = sane_id(head.header(b"x-request-id"))
        language = localized.asked_for(self.app, head)
        self.transport.write(refusal(request_id, language, closes=closes, cors=cors, has_body=has_body))
        self._end(closes=closes)

    def _end(self, *, closes: bool) -> None:
        """The request at hand is answered: on to the next."""
        self._release()
        self._time = time.monotonic()
        self._is_busy = False
        if self.transport is None or self.transport.is_closing():
            return
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()
        if closes and self._reader.has_begun:
            self._hang_up()
        elif closes:
            self.close()
        elif not self._is_reading:
            self._read()

    # Its slot.

    def _acquire(self, kind: RequestClass) -> bool:
        """Acquire a slot for the request that has come."""
        if not self.app.ctx.admission.acquire(kind):
            return False
        self._kind = kind
        return True

    def _release(self) -> None:
        if self._kind is not None:
            self.app.ctx.admission.release(self._kind)
            self._kind = None

    # The end.

    def connection_lost(self, exc: Exception | None) -> None:
        """Work that goes on all the same is counted where it is done, in `background.py`."""
        self._timer.cancel()
        self._release()
        if self._answering and self._shielded:
            self.app.ctx.background.adopt(self._answering)
        elif self._answering:
            self._answering.cancel()
        if self.conn_info is not None:
            super().connection_lost(exc)  # type: ignore[no-untyped-call]
