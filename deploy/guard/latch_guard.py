"""Protects a Python service with Latch: copy this file next to it. Needs httpx, Python 3.11 and asyncio.

Every request asks `GET /app/v1_0/authorizations`. Nothing is cached: a session deleted in Redis must be dead at the
next request, everywhere, and Latch's check is one Redis command.
"""  # noqa: INP001 - one file, no package

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from dataclasses import dataclass
from typing import Any

import httpx

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PATH = "/app/v1_0/authorizations"
KEPT = ("content-type", "www-authenticate", "cache-control", "x-request-id")  # of a refusal, for the client
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identity:
    """Whose the token is."""

    user_id: int
    session_id: str


@dataclass(frozen=True)
class Answer:
    """What the client is to hear instead of the service."""

    status: int
    headers: dict[str, str]
    body: bytes


class Refused(Answer):
    """The token is not good: Latch's own answer, to be passed on as it is."""


class Unavailable(Answer):
    """Nobody knows whether the token is good: a 503. Never a 401, because apps delete their tokens on that."""


class LatchGuard:
    """Asks the Latch at `base_url`. After `timeout` seconds it counts as down. `client`: your own, yours to close."""

    def __init__(self, base_url: str, timeout: float = 1.0, client: httpx.AsyncClient | None = None) -> None:
        self._url = httpx.URL(base_url.rstrip("/") + PATH)
        self._timeout = timeout
        # trust_env: a proxy that the environment names is not to see tokens.
        self._client = client or httpx.AsyncClient(timeout=timeout, trust_env=False)
        self._owns_client = client is None

    async def close(self) -> None:
        """Close the connections, when the service stops."""
        if self._owns_client:
            await self._client.aclose()

    async def check(self, authorization: str | None, request_id: str | None = None) -> Identity | Refused | Unavailable:
        """Judge the value of an `Authorization` header; None where there was none. Trouble is answered, not raised."""
        sent = {"authorization": authorization, "x-request-id": request_id}
        # A value that HTTP cannot carry is no token; Latch is asked without it, and words the refusal.
        headers = {name: value for name, value in sent.items() if value and value.isascii() and value.isprintable()}
        try:
            async with asyncio.timeout(self._timeout):  # httpx' own limit is per read, and a trickle never ends
                response = await self._client.get(self._url, headers=headers, follow_redirects=False)
            if response.status_code in (401, 403):
                kept = {name: response.headers[name] for name in KEPT if name in response.headers}
                return Refused(response.status_code, kept, response.content)
            if response.status_code == httpx.codes.OK:
                data = response.json()["data"]
                return Identity(int(data["user_id"]), str(data["session_id"]))
            trouble = f"answered {response.status_code}"
        except (httpx.HTTPError, TimeoutError) as error:  # down, or too slow
            trouble = f"cannot be reached: {type(error).__name__}"
        except (ValueError, KeyError, TypeError):
            trouble = "answered 200 with something else than an identity; is the address right?"
        log.warning("Latch %s", trouble)
        return _unavailable(headers.get("x-request-id") or uuid.uuid4().hex)


def _unavailable(request_id: str) -> Unavailable:
    message = "The service is temporarily unavailable. Please try again."
    body = {"message": message, "error": "service_unavailable", "request_id": request_id}
    headers = {"content-type": "application/json", "cache-control": "no-store", "retry-after": "1"}
    return Unavailable(503, headers | {"x-request-id": request_id}, json.dumps(body).encode())


class LatchMiddleware:
    """ASGI: lets only live tokens through to `app`, with their Identity in `scope["state"]["latch"]`.

    `public` paths need no token. They are compared exactly: a prefix would meet `..` and `//` one day.
    """

    def __init__(self, app: App, guard: LatchGuard, public: Collection[str] = ()) -> None:
        self._app, self._guard, self._public = app, guard, frozenset(public)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan" or scope["path"] in self._public:
            return await self._app(scope, receive, send)
        outcome = await self._guard.check(_header(scope, b"authorization"), _header(scope, b"x-request-id"))
        if isinstance(outcome, Identity):
            return await self._app({**scope, "state": {**scope.get("state", {}), "latch": outcome}}, receive, send)
        return await _refuse(scope, receive, send, outcome)


def _header(scope: Scope, name: bytes) -> str | None:
    """The value of a header, None unless sent exactly once: of two tokens, who knows which one was meant."""
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return values[0] if len(values) == 1 else None


async def _refuse(scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
    kind = "http.response"
    if scope["type"] == "websocket":
        await receive()
        kind = "websocket.http.response"
        if kind not in scope.get("extensions", {}):  # the server cannot pass an answer on, only close (with a 403)
            return await send({"type": "websocket.close", "code": 1013 if isinstance(answer, Unavailable) else 1008})
    pairs = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": f"{kind}.start", "status": answer.status, "headers": pairs})
    return await send({"type": f"{kind}.body", "body": answer.body})


def protect_sanic(app: Any, guard: LatchGuard, public: Collection[str] = ()) -> None:
    """Sanic: as LatchMiddleware, with the Identity in `request.ctx.latch`. Closes the guard with the server."""
    from sanic import HTTPResponse  # noqa: PLC0415 - only services built on Sanic have it

    async def check(request: Any) -> HTTPResponse | None:
        if request.path not in public:
            sent = request.headers.getall("authorization", [])
            outcome = await guard.check(sent[0] if len(sent) == 1 else None, request.headers.get("x-request-id"))
            if not isinstance(outcome, Identity):
                return HTTPResponse(outcome.body, outcome.status, outcome.headers)
            request.ctx.latch = outcome
        return None

    app.register_middleware(check, "request")
    app.register_listener(lambda _app: guard.close(), "after_server_stop")
