"""The guard that other services copy: the two examples of its page, run in front of a real Latch."""

import asyncio
import importlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.client import bearer, error
from tests.processes import ROOT, Service

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/guard.md").read_text(encoding="utf-8")
SANIC, ASGI = re.findall(r"<!-- tests/test_guard.py runs this -->\n```python\n(.*?)```", PAGE, re.DOTALL)

Get = Callable[..., Awaitable[httpx.Response]]
Open = Callable[[int], Any]


@pytest.fixture(autouse=True)
def latch_guard(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "deploy/guard"))
    return importlib.import_module("latch_guard")


def run_example(code: str, port: int) -> dict[str, Any]:
    """The names that an example of the page defines, with the Latch at this port."""
    assert code.count("http://127.0.0.1:8000") == 1
    names: dict[str, Any] = {}
    exec(code.replace("127.0.0.1:8000", f"127.0.0.1:{port}"), names)
    return names


@pytest.fixture
def examples(sanic_client: Any) -> dict[str, Open]:
    """How to serve each example of the page, with the Latch at a port, and GET from it."""

    @asynccontextmanager
    async def asgi(port: int) -> AsyncIterator[Get]:
        example = run_example(ASGI, port)
        transport = httpx.ASGITransport(example["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://orders") as client:
            try:
                yield client.get
            finally:
                await example["guard"].close()

    @asynccontextmanager
    async def sanic(port: int) -> AsyncIterator[Get]:
        app = run_example(SANIC, port)["app"]
        app.config.TOUCHUP = False
        server = await sanic_client(app, verify=False, trust_env=False)

        async def get(path: str, **options: Any) -> httpx.Response:
            response: httpx.Response = await server.get(path, **options)
            return response

        yield get

    return {"asgi": asgi, "sanic": sanic}


@pytest.fixture(params=["asgi", "sanic"])
def open_example(request: pytest.FixtureRequest, examples: dict[str, Open]) -> Open:
    return examples[request.param]


def assert_unavailable(response: httpx.Response) -> None:
    assert error(response) == (503, "service_unavailable")
    assert response.headers["retry-after"] == "1"
    assert "www-authenticate" not in response.headers


async def test_a_live_token_is_let_in_and_a_deleted_session_is_out_at_the_next_request(
    open_example: Open, latch: Service, mobile: str
) -> None:
    login = latch.log_in(mobile)
    async with open_example(latch.port) as get:
        response = await get("/orders", headers=bearer(login["token"]))
        assert response.status_code == 200, response.text
        assert response.json() == {"user_id": login["user_id"], "session_id": login["session_id"]}
        with Redis(unix_socket_path=str(latch.data_dir / "redis.sock")) as redis:
            assert redis.delete(f"session:{{{login['user_id']}}}:{login['session_id']}") == 1
        response = await get("/orders", headers=bearer(login["token"]))
        assert error(response) == (401, "invalid_token")
        assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_a_refusal_is_latch_s_own(open_example: Open, latch: Service, mobile: str) -> None:
    ended = latch.log_in(mobile)["token"]
    assert latch.http.delete("/app/v1_0/authorizations", headers=bearer(ended)).status_code == 204
    async with open_example(latch.port) as get:
        response = await get("/orders", headers={"X-Request-ID": "abc-1"})
        assert error(response) == (401, "invalid_token")
        assert response.headers.get_list("www-authenticate") == ['Bearer realm="latch"']
        assert response.headers["x-request-id"] == "abc-1"
        response = await get("/orders", headers=bearer(ended))
        assert error(response) == (401, "session_ended")
        assert response.json()["reason"] == "logged_out"
        live = latch.log_in(mobile)["token"]
        twice = [("Authorization", f"Bearer {live}"), ("Authorization", f"Bearer {ended}")]
        for odd in (twice, {"Authorization": "Bearer ü".encode()}, {"Authorization": live}):
            assert error(await get("/orders", headers=odd)) == (401, "invalid_token")
        assert error(await get("/nowhere")) == (401, "invalid_token")
        assert (await get("/healthz")).json() == {"message": "ok"}
        for near in ("/healthz/", "/healthz/..%2Forders", "//healthz"):
            assert (await get(near)).status_code in {401, 404}


@pytest.mark.slow
async def test_a_latch_that_is_down_is_503_and_never_a_log_out(examples: dict[str, Open], folder: Path) -> None:
    with Service(folder) as latch:
        token = latch.log_in()["token"]
        async with examples["asgi"](latch.port) as get_asgi, examples["sanic"](latch.port) as get_sanic:
            for get in (get_asgi, get_sanic):
                assert (await get("/orders", headers=bearer(token))).status_code == 200
            latch.stop()
            for get in (get_asgi, get_sanic):
                for headers in (bearer(token), {}, bearer("A" * 64)):
                    assert_unavailable(await get("/orders", headers=headers))
                assert (await get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(503, headers={"Retry-After": "1"}),
        httpx.Response(404),
        httpx.Response(302, headers={"Location": "/login"}),
        httpx.Response(200, text="<html>welcome</html>"),
        httpx.Response(200, json={"data": {}}),
        httpx.Response(200, json=[]),
    ],
    ids=lambda answer: f"{answer.status_code}{answer.text}",
)
async def test_an_answer_that_latch_does_not_give_lets_nobody_in_and_logs_nobody_out(
    latch_guard: Any, answer: httpx.Response
) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as client:
        outcome = await latch_guard.LatchGuard("http://latch", client=client).check("Bearer x")
        assert isinstance(outcome, latch_guard.Unavailable)
        assert (outcome.status, outcome.headers["retry-after"]) == (503, "1")


async def test_a_latch_that_is_slow_is_waited_for_once_and_not_long(latch_guard: Any) -> None:
    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(5)
        return httpx.Response(401)

    async with httpx.AsyncClient(transport=httpx.MockTransport(slow)) as client:
        guard = latch_guard.LatchGuard("http://latch", timeout=0.05, client=client)
        assert isinstance(await guard.check("Bearer x"), latch_guard.Unavailable)


@pytest.mark.parametrize("can_answer", [True, False])
async def test_a_websocket_is_refused_before_it_opens(
    latch_guard: Any,
    unused_port: int,
    can_answer: bool,  # noqa: FBT001
) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(*_: Any) -> None:
        pytest.fail("let in")

    guard = latch_guard.LatchGuard(f"http://127.0.0.1:{unused_port}")
    extensions: dict[str, Any] = {"websocket.http.response": {}} if can_answer else {}
    scope = {"type": "websocket", "path": "/live", "headers": [], "extensions": extensions}
    await latch_guard.LatchMiddleware(app, guard)(scope, receive, send)
    await guard.close()
    if can_answer:
        assert [message["type"] for message in sent] == [
            "websocket.http.response.start",
            "websocket.http.response.body",
        ]
        assert sent[0]["status"] == 503
        assert json.loads(sent[1]["body"])["error"] == "service_unavailable"
    else:
        assert sent == [{"type": "websocket.close", "code": 1013}]


def test_the_guard_is_short_and_needs_httpx_alone() -> None:
    source = (ROOT / "deploy/guard/latch_guard.py").read_text(encoding="utf-8")
    assert source.count("\n") < 150
    imported = set(re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE))
    assert imported == {"asyncio", "collections", "dataclasses", "httpx", "json", "logging", "typing", "uuid"}
