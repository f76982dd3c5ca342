"""What happens to bytes before they are a request: some are answered, what is too much is refused, the slow bounded.

Refusing a request after Sanic has parsed and routed it costs a good part of serving it. At ten times what a worker can
serve it would do nothing but refuse, so a request that came whole is refused here, from its first line, and only a few
in one round of the event loop. Whoever waits to be refused is not listened to meanwhile. Requests that come in pieces,
those of browser apps on other origins, whose answers need headers, and the first ones of a burst are refused in
`middleware.py`.
"""

import time
from functools import partial
from itertools import islice
from typing import Any

from sanic.http import Stage
from sanic.server.protocols.http_protocol import HttpProtocol

from service.eager import Eager
from service.load import CONNECTIONS, Kind
from service.routes import direct
from service.routes.plain import LONGEST, Plain
from service.routes.refusals import Whole, refusal
from service.routes.requests import sane_id

FRESH = 1.0  # seconds in which a connection is not yet idle
LOOKS = 64  # connections looked at for one that is idle


class BoundedProtocol(HttpProtocol):
    """One connection. A request that is there holds a place of `load` from its last byte to the end of its answer."""

    __slots__ = ("_answering", "_kind", "_later", "_lives_on")

    def __init__(self, **given: Any) -> None:
        """Take what Sanic passes."""
        super().__init__(**given)
        self._kind: Kind | None = None
        self._answering: Eager | None = None
        self._lives_on = False  # what is being answered, though the client hangs up
        self._later = b""

    def connection_made(self, transport: Any) -> None:
        """Make room for the connection by closing one that is idle, or else refuse it."""
        context = self.app.ctx
        if len(self.connections) >= context.settings.max_connections and not self._make_room():
            context.load.refuse(CONNECTIONS)
            transport.write(refusal(sane_id(""), closes=True))
            transport.close()
            return
        super().connection_made(transport)  # type: ignore[no-untyped-call]

    @property
    def idle_since(self) -> float:
        """When something was last sent or received, in seconds of a clock of its own."""
        return self._time

    def _make_room(self) -> bool:
        """Close a connection that has been idle for a while. A new one is about to ask, and is let be."""
        before = time.monotonic() - FRESH
        return any(
            other.idle_since < before and other.close_if_idle() for other in tuple(islice(self.connections, LOOKS))
        )

    def data_received(self, data: bytes) -> None:
        """Answer what is plain, refuse a request that is whole and too many, and hand everything else to Sanic."""
        if self.transport is None:  # the connection was refused
            return
        if self._answering is not None:
            self._keep(data)
            return
        if self.http is None or self.http.stage is Stage.IDLE:
            if self._kind is None and not self.recv_buffer and self._is_dealt_with(data):
                return
            super().data_received(data)
            return
        began = self._time
        super().data_received(data)
        self._time = began  # REQUEST_TIMEOUT is for the whole request: a byte now and then buys no more time

    def _is_dealt_with(self, data: bytes) -> bool:
        """Whether no more than this is needed for a request that has just come."""
        context = self.app.ctx
        if context.load.is_busy:
            whole = Whole.of(data)
            if whole and not self._admit(whole):
                return True
        if self.http is None or context.observation.tracing or not (plain := Plain.of(data)):
            return False
        if self.take(plain.kind):
            self._time = time.monotonic()
            self._lives_on = plain.changes_state
            answering = Eager(self._answer(plain))
            self._answering = None if answering.is_done else answering
            return True
        return False

    async def _answer(self, plain: Plain) -> None:
        peer = self.conn_info.client_ip if self.conn_info else ""
        answer = await direct.answer(self.app, plain, peer)
        self._lives_on = False  # all is done but for telling
        if not self._can_write.is_set():
            await self._can_write.wait()
        self._answering = None
        self._give_back()
        if self.transport is None or self.transport.is_closing():
            return
        self.transport.write(answer)
        self._time = time.monotonic()
        if self.app.ctx.load.stopping:
            self.close()
        elif self._later:
            later, self._later = self._later, b""
            self.transport.resume_reading()
            self.data_received(later)

    def _keep(self, data: bytes) -> None:
        """Keep what a client sends before it has its answer (pipelining) until then."""
        self._later += data
        if len(self._later) > LONGEST and self.transport is not None:
            self.transport.pause_reading()

    def close_if_idle(self) -> bool:
        """A connection on which something is being answered is not."""
        return self._answering is None and super().close_if_idle()

    def _admit(self, whole: Whole) -> bool:
        if self.take(whole.kind):
            return True
        if self.transport is not None:
            self.transport.pause_reading()
            if self.http is None:  # Sanic is about to begin with this connection, and would have it read again
                self._turn_away(whole)
            else:
                self.app.ctx.load.when_there_is_time(partial(self._turn_away, whole))
        return False

    def _turn_away(self, whole: Whole) -> None:
        """Answer 503 and listen again, or close where that was asked for, or the server is stopping."""
        if self.transport is None or self.transport.is_closing():
            return
        closes = whole.closes or self.app.ctx.load.stopping
        self.transport.write(refusal(whole.request_id, closes=closes))
        if closes:
            self.close()
        else:
            self.transport.resume_reading()

    def take(self, kind: Kind | None) -> bool:
        """Take a place for the request that has come, unless it holds one or needs none."""
        if self._kind is None and kind is not None:
            if not self.app.ctx.load.take(kind):
                return False
            self._kind = kind
        return True

    async def receive_more(self) -> None:
        """Sanic asks for more: between two requests, nothing is in flight."""
        if self.http is not None and self.http.stage is Stage.IDLE:
            self._give_back()
        await super().receive_more()  # type: ignore[no-untyped-call]

    def connection_lost(self, exc: Exception | None) -> None:
        """Work that goes on all the same is counted where it is done, in `completion.py`."""
        self._give_back()
        if self._answering and self._lives_on:
            self.app.ctx.completion.see_to(self._answering)
        elif self._answering:
            self._answering.cancel()
        if self.conn_info is not None:
            super().connection_lost(exc)  # type: ignore[no-untyped-call]

    def _give_back(self) -> None:
        if self._kind is not None:
            self.app.ctx.load.give_back(self._kind)
            self._kind = None
