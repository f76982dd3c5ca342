"""FastAPI: a dependency, which shows in the OpenAPI document; `asgi.LatchMiddleware` protects all at once."""

from typing import Any

from fastapi import FastAPI, Response, WebSocket
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from latch_guard.asgi import check, refuse
from latch_guard.clients import AsyncGuard
from latch_guard.judgement import Answer, Identity


class NotLetInError(Exception):
    """Carries what the client is to hear."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Latch(SecurityBase):
    """`Depends(latch)` is the Identity of a live token: for one route, a router, or the whole application.

    `app` learns how to answer where there is none; one that is mounted into it needs a Latch of its own.
    """

    scheme_name = "Latch"
    model = HTTPBearer(description="The access token of a login.")

    def __init__(self, app: FastAPI, guard: AsyncGuard | str) -> None:
        self._guard = AsyncGuard(guard) if isinstance(guard, str) else guard
        app.add_exception_handler(NotLetInError, _refuse)

    async def __call__(self, connection: HTTPConnection) -> Identity:
        """Raises NotLetInError where the token is not good, or nobody knows. A request is asked about once."""
        known = getattr(connection.state, "latch", None)
        outcome = known or await check(self._guard, connection.scope)
        if isinstance(outcome, Answer):
            raise NotLetInError(outcome)
        connection.state.latch = outcome
        return outcome


async def _refuse(connection: Any, error: Any) -> Any:
    """The answer to a request. Starlette gives a handler a WebSocket too, which is answered here."""
    if isinstance(connection, WebSocket):
        return await refuse(connection.scope, connection.receive, connection.send, error.answer)
    return Response(error.answer.body, error.answer.status, error.answer.headers)
