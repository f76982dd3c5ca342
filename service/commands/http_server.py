"""One HTTP server in this process, from the start of its app to the last answer.

Does what Sanic's own runner does, which cannot be stopped at every moment of its start and keeps its socket to itself.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any

from service.http.protocol import BoundedProtocol
from service.http.requests import App
from service.runtime.admission import DRAIN_GRACE

BACKLOG = 1024  # connections that wait to be accepted
ORPHAN_GRACE = 10.0  # seconds for the requests in flight of a worker whose main process is gone
PAUSE = 0.02  # seconds between two looks at whether all connections are closed

log = logging.getLogger("sanic.server")


class Stop(Enum):
    """Why a server stops."""

    REQUESTED = "requested"
    ORPHANED = "orphaned"  # the main process is gone: make way for the next one at once


StopRequest = asyncio.Future[Stop]


def run(app: App, listener: socket.socket, stopping: Callable[[StopRequest], None], ready: Callable[[], None]) -> None:
    """Serve on `listener` until the future is done that `stopping` gets before anything starts."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(app, listener, stopping, ready))


def request_stop(request: StopRequest, why: Stop = Stop.REQUESTED) -> None:
    """Stop; the first reason counts. To be called in the event loop."""
    if not request.done():
        request.set_result(why)


async def _serve(
    app: App, listener: socket.socket, stopping: Callable[[StopRequest], None], ready: Callable[[], None]
) -> None:
    request: StopRequest = asyncio.get_running_loop().create_future()
    stopping(request)
    server: Any = await app.create_server(
        sock=listener, protocol=BoundedProtocol, backlog=BACKLOG, asyncio_server_kwargs={"start_serving": False}
    )
    await server.startup()
    await server.before_start()
    ready()  # before it takes a connection: whoever is not ready has nobody to cut off
    await server.start_serving()
    await server.after_start()
    log.info("Worker ready [%s]", os.getpid())
    why = await request
    log.info("Stopping worker [%s]", os.getpid())
    await _stop(app, server, at_once=why is Stop.ORPHANED)
    log.info("Worker complete [%s]", os.getpid())


async def _stop(app: App, server: Any, *, at_once: bool) -> None:
    """Answer what is in flight, then take no connections any more; `at_once` the other way round, and in less time."""
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 0.0  # the app says how much is left when it has waited for its requests
    if at_once:
        server.server.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(ORPHAN_GRACE if at_once else None):
            await server.before_stop()
    server.server.close()
    await _hang_up(server.connections, app.config.GRACEFUL_SHUTDOWN_TIMEOUT)
    await server.after_stop()


async def _hang_up(connections: set[Any], seconds: float) -> None:
    """Close what is idle, give the others so long to take their answers, and cut off the rest."""
    for connection in tuple(connections):
        connection.close_if_idle()
    deadline = asyncio.get_running_loop().time() + min(seconds, DRAIN_GRACE)
    while connections and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - none of them tells
        await asyncio.sleep(PAUSE)
    for connection in tuple(connections):
        connection.abort()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop  # noqa: PLC0415 - comes with Sanic where it can be built
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
