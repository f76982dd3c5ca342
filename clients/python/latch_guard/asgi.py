"""Starlette, FastAPI and whatever else is ASGI: a middleware."""

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from latch_guard.clients import AsyncGuard
from latch_guard.judgement import Answer, Identity, Outcome, Unavailable

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class LatchMiddleware:
    """Lets only live tokens through to `app`, with their Identity in `scope["state"]["latch"]`: `request.state.latch`.

    `public` paths need no token. They are compared exactly: a prefix would meet `..` and `//` one day.
    """

    def __init__(self, app: App, guard: AsyncGuard | str, public: Collection[str] = ()) -> None:
        self._app, self._public = app, frozenset(public)
        self._guard = AsyncGuard(guard) if isinstance(guard, str) else guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, self._closing(send))
        if scope["path"] in self._public:
            return await self._app(scope, receive, send)
        outcome = await check(self._guard, scope)
        if isinstance(outcome, Identity):
            return await self._app({**scope, "state": {**scope.get("state", {}), "latch": outcome}}, receive, send)
        return await refuse(scope, receive, send, outcome)

    def _closing(self, send: Send) -> Send:
        """`send` of a lifespan, which closes the connections at its end."""

        async def closing(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                await self._guard.aclose()
            await send(message)

        return closing


async def check(guard: AsyncGuard, scope: Scope) -> Outcome:
    """Judge the connection of a scope."""
    values = (header(scope, name) for name in (b"authorization", b"x-request-id", b"accept-language"))
    return await guard.check(*values)


def header(scope: Scope, name: bytes) -> str | None:
    """The value of a header, None unless sent exactly once: of two tokens, who knows which one was meant."""
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return values[0] if len(values) == 1 else None


async def refuse(scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
    """Give the answer; a WebSocket is refused before it opens."""
    kind = "http.response"
    if scope["type"] == "websocket":
        await receive()
        kind = "websocket.http.response"
        if kind not in scope.get("extensions", {}):  # the server cannot pass an answer on, only close (with a 403)
            return await send({"type": "websocket.close", "code": 1013 if isinstance(answer, Unavailable) else 1008})
    headers = answer.headers | {"content-length": str(len(answer.body))}
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": f"{kind}.start", "status": answer.status, "headers": pairs})
    return await send({"type": f"{kind}.body", "body": answer.body})
