"""Answers that are sent while they are made, because they may be long."""

import logging
from collections.abc import AsyncIterator, Mapping

from service.errors import ServiceUnavailable
from service.http.requests import Request
from service.http.responses import JSON
from service.runtime import deadline

FIRST = 2  # pieces that are made before 200 is said

log = logging.getLogger(__name__)


async def stream(
    request: Request,
    pieces: AsyncIterator[bytes],
    content_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answer 200 and these pieces, of JSON or another type, each with the time for the stores that a request has.

    What fails before the first are made is raised. Later the connection is cut, so that nobody takes a part for all.
    """
    first = b"".join([await anext(pieces) for _ in range(FIRST)])
    response = await request.respond(content_type=content_type, headers=dict(headers or {}))
    await response.send(first)
    try:
        deadline.start(request.app.ctx.settings.stores_timeout)
        async for piece in pieces:
            await response.send(piece)
            deadline.start(request.app.ctx.settings.stores_timeout)
    except ServiceUnavailable:
        log.warning("an answer was cut off, because a store went away")
        if request.transport:
            request.transport.close()
