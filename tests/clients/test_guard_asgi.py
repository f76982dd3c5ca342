"""The guard of ASGI by itself: WebSockets, and the dependency of FastAPI."""

import json
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from latch_guard import AsyncGuard
from latch_guard.asgi import LatchMiddleware
from latch_guard.fastapi import Latch

from tests.clients.gate import Gate, say

pytestmark = pytest.mark.slow

LIVE = say(200, b'{"data": {"user_id": 7, "session_id": "ab", "expires_in": 5}}')


@pytest.mark.parametrize("can_answer", [True, False])
@pytest.mark.parametrize("kind", ["middleware", "dependency"])
async def test_a_websocket_is_refused_before_it_opens(
    unused_port: int,
    kind: str,
    can_answer: bool,  # noqa: FBT001
) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def let_in(*_: Any) -> None:
        pytest.fail("let in")

    guard = AsyncGuard(f"http://127.0.0.1:{unused_port}")
    app: Any = LatchMiddleware(let_in, guard)
    if kind == "dependency":
        app = FastAPI()
        app.websocket("/live", dependencies=[Depends(Latch(app, guard))])(let_in)
    extensions: dict[str, Any] = {"websocket.http.response": {}} if can_answer else {}
    scope = {"type": "websocket", "path": "/live", "headers": [], "query_string": b"", "extensions": extensions}
    await app(scope, receive, send)
    await guard.aclose()
    if can_answer:
        assert [message["type"] for message in sent] == [
            "websocket.http.response.start",
            "websocket.http.response.body",
        ]
        assert sent[0]["status"] == 503
        assert json.loads(sent[1]["body"])["error"] == "service_unavailable"
    else:
        assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1013)]


def test_the_lock_of_the_dependency_is_in_the_openapi_document() -> None:
    app = FastAPI()
    app.get("/orders", dependencies=[Depends(Latch(app, "http://127.0.0.1:8000"))])(lambda: None)
    document = app.openapi()
    assert document["components"]["securitySchemes"]["Latch"]["scheme"] == "bearer"
    assert document["paths"]["/orders"]["get"]["security"] == [{"Latch": []}]


async def test_behind_the_middleware_the_dependency_asks_no_second_time() -> None:
    with Gate() as gate:
        gate.behave = LIVE
        guard = AsyncGuard(f"http://127.0.0.1:{gate.port}", timeout=10)
        status = await status_of_orders(guard)
        await guard.aclose()
    assert (status, len(gate.heads)) == (200, 1)


async def status_of_orders(guard: AsyncGuard) -> int:
    """Of an application that has both."""
    app = FastAPI()
    app.get("/orders", dependencies=[Depends(Latch(app, guard))])(lambda: None)
    app.add_middleware(LatchMiddleware, guard=guard)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/orders", "headers": [], "query_string": b"", "app": app}
    await app(scope, receive, send)
    return int(sent[0]["status"])
