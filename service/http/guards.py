"""Decorators that stand in front of a handler."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from sanic import HTTPResponse

from service.errors import InvalidToken
from service.http.requests import Request, bearer

Handler = Callable[..., Coroutine[Any, Any, HTTPResponse]]


def authenticated(handler: Handler) -> Handler:
    """Call the handler with whose the live access token is. Raises InvalidToken, SessionEnded."""

    @wraps(handler)
    async def checked(request: Request, **path: str) -> HTTPResponse:
        token = bearer(request.raw)
        if token is None:
            raise InvalidToken(sent=False)
        identity = await request.app.ctx.authorizations.check(token)
        return await handler(request, identity, **path)

    return checked


def changes_state(handler: Handler) -> Handler:
    """Let the handler run to its end though its client hangs up (see `background.py`)."""

    @wraps(handler)
    async def completed(request: Request, **path: str) -> HTTPResponse:
        return await request.app.ctx.background.shielded(handler(request, **path))

    return completed
