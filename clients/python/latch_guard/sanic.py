"""Sanic: a request middleware."""

from collections.abc import Collection
from typing import Any

from sanic import HTTPResponse, Request, Sanic

from latch_guard.clients import AsyncGuard
from latch_guard.judgement import Identity


def protect(app: Sanic[Any, Any], guard: AsyncGuard | str, public: Collection[str] = ()) -> None:
    """Let only live tokens through, with their Identity in `request.ctx.latch`. Closes the guard with the server.

    `public` paths need no token. They are compared exactly: a prefix would meet `..` and `//` one day.
    """
    asks = AsyncGuard(guard) if isinstance(guard, str) else guard

    async def check(request: Request) -> HTTPResponse | None:
        if request.path in public:
            return None
        values = (_header(request, name) for name in ("authorization", "x-request-id", "accept-language"))
        outcome = await asks.check(*values)
        if isinstance(outcome, Identity):
            request.ctx.latch = outcome
            return None
        return HTTPResponse(outcome.body, outcome.status, outcome.headers)

    async def close(_: Any) -> None:
        await asks.aclose()

    app.register_middleware(check, "request")
    app.register_listener(close, "after_server_stop")


def _header(request: Request, name: str) -> str | None:
    """The value of a header, None unless sent exactly once: of two tokens, who knows which one was meant."""
    values: list[str] = request.headers.getall(name, [])
    return values[0] if len(values) == 1 else None
