"""More than a worker can do: refused at once, spared routes, places that are given back, slow clients, full houses."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import orjson
import pytest

from service.http import timed_protocol
from service.runtime.admission import AT_ONCE, AdmissionController, RequestClass
from tests.client import BASE, Api, error
from tests.conftest import Outbox, Start

USER = f"GET {BASE}/user HTTP/1.1\r\nHost: x\r\n"
SEND = f"POST {BASE}/sms/codes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CODES = 'latch_requests_shed_total{reason="codes"}'


async def until(true: Callable[[], bool]) -> None:
    for _ in range(3_000):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came true")


@asynccontextmanager
async def full(api: Api, outbox: Outbox, places: int = 1) -> AsyncIterator[None]:
    """All places of those who ask for a code are taken."""
    let_go, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def hang() -> None:
        begun.release()
        await let_go.wait()

    outbox.before = hang
    sending = [asyncio.create_task(api.send_code(f"139{n:08}")) for n in range(places)]
    for _ in range(places):
        await asyncio.wait_for(begun.acquire(), 40)
    try:
        yield
    finally:
        let_go.set()
        assert [answer.status_code for answer in await asyncio.gather(*sending)] == [200] * places


async def raw(api: Api, *parts: str) -> tuple[int, dict[str, str], bytes]:
    """Send the parts, each in a segment of its own, and answer status, headers and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    try:
        for part in parts:
            writer.write(part.encode())
            await writer.drain()
            await asyncio.sleep(0.02)
        return await answer(reader)
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def test_a_request_too_many_is_refused_in_the_envelope_and_counted(start: Start, outbox: Outbox) -> None:
    api = await start(max_in_flight=3)
    async with full(api, outbox, 3):
        refused = await api.send_code("13700137000", **{"X-Request-ID": "mine-1"})
        assert error(refused) == (503, "service_unavailable")
        assert refused.headers["x-request-id"] == "mine-1"
        assert refused.headers["retry-after"] in {"1", "2", "3"}
        assert refused.headers["content-type"] == "application/json"
        assert error(await api.request("GET", f"{BASE}/sms/codes/13700137000"))[0] == 503
        assert f"{CODES} 2.0" in (await api.request("GET", "/metrics")).text
    assert len(outbox.messages) == 3
    outbox.before = None
    assert (await api.send_code("13700137000")).status_code == 200


async def test_a_provider_that_hangs_does_not_keep_others_out(start: Start, outbox: Outbox) -> None:
    api = await start(max_in_flight=1)
    tokens = await api.log_in()
    async with full(api, outbox):
        assert (await api.check(tokens["token"])).status_code == 200
        assert (await api.who(tokens["token"])).status_code == 200
        assert (await api.refresh(tokens["refresh_token"])).status_code == 200
        assert (await api.send_code()).status_code == 503


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_who_watches_is_answered_however_full_it_is(start: Start, path: str) -> None:
    api = await start(max_in_flight=1)
    for kind in RequestClass:
        assert api.app.ctx.admission.acquire(kind)
    assert (await api.request("GET", path)).status_code == 200
    assert (await api.request("GET", f"{BASE}/user")).status_code == 503
    assert (await api.request("HEAD", f"{BASE}/user")).status_code == 503
    for kind in RequestClass:
        api.app.ctx.admission.release(kind)


@pytest.mark.parametrize(
    "parts",
    [
        [f"{SEND}Content-Length: 24\r\n\r\n", '{"mobile":"13800138000"}'],
        [f"{SEND}Transfer-Encoding: chunked\r\n\r\n", '18\r\n{"mobile":"13800138000"}\r\n0\r\n\r\n'],
        [f'{SEND}Origin: https://app.example.com\r\nContent-Length: 24\r\n\r\n{{"mobile":"13800138000"}}'],
        [f'{SEND}Connection: close\r\nContent-Length: 24\r\n\r\n{{"mobile":"13800138000"}}'],
    ],
    ids=["in two pieces", "chunked", "from a browser", "for the last time"],
)
async def test_however_it_comes_a_request_too_many_is_refused(start: Start, outbox: Outbox, parts: list[str]) -> None:
    api = await start(max_in_flight=1, cors_origins="https://app.example.com")
    async with full(api, outbox):
        status, headers, body = await raw(api, *parts)
        assert (status, orjson.loads(body)["error"]) == (503, "service_unavailable")
        assert headers["x-request-id"] == orjson.loads(body)["request_id"]
        assert headers["retry-after"]
        assert headers["cache-control"] == "no-store"
        assert headers["connection"] == ("close" if "Connection: close" in parts[0] else "keep-alive")
        if "Origin" in parts[0]:
            assert headers["access-control-allow-origin"] == "https://app.example.com"


async def test_a_refused_connection_can_be_used_again_and_answers_stay_in_order(start: Start) -> None:
    api = await start(max_in_flight=1)
    admission: AdmissionController = api.app.ctx.admission
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    assert admission.acquire(RequestClass.DATABASE)
    for _ in range(3):
        writer.write(f"{USER}X-Request-ID: first\r\n\r\n".encode())
        await asyncio.sleep(0)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")  # before the first is answered
        answers = [await answer(reader) for _ in range(2)]
        assert [status for status, _, _ in answers] == [503, 200]
        assert answers[0][1]["x-request-id"] == "first"
    admission.release(RequestClass.DATABASE)
    writer.write(f"{USER}\r\n{USER}\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert [(await answer(reader))[0] for _ in range(3)] == [401, 401, 200]
    writer.close()


async def test_places_are_given_back_however_requests_end(start: Start) -> None:
    api = await start(max_in_flight=2)
    admission: AdmissionController = api.app.ctx.admission
    for _ in range(3):
        assert (await raw(api, f"{USER}\r\n"))[0] == 401
        assert (await raw(api, USER, "\r\n"))[0] == 401
        assert (await raw(api, f"{USER}Connection: close\r\n\r\n"))[0] == 401
        assert (await raw(api, f"GET {BASE}/nowhere HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 404
        assert (await raw(api, f"{SEND}Content-Length: 99999\r\n\r\n"))[0] == 413
        assert (await raw(api, "nonsense\r\n\r\n"))[0] == 400
        _, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(f"{USER}\r\n".encode())
        await writer.drain()
        writer.transport.abort()
    await until(lambda: admission.in_flight == 0)


async def test_work_whose_client_has_gone_takes_up_a_place_until_it_is_done(start: Start, outbox: Outbox) -> None:
    api = await start(max_in_flight=1)
    let_go, begun = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        begun.set()
        await let_go.wait()

    outbox.before = hang
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(f'{SEND}Content-Length: 24\r\n\r\n{{"mobile":"13800138000"}}'.encode())
    await begun.wait()
    writer.transport.abort()
    await until(lambda: api.app.ctx.background.orphaned == 1)
    assert (await api.request("GET", f"{BASE}/user")).status_code == 503
    let_go.set()
    await api.app.ctx.background.drain(10)
    assert (await api.request("GET", f"{BASE}/user")).status_code == 401


async def test_half_a_request_takes_up_no_place(start: Start) -> None:
    api = await start(max_in_flight=1)
    writers = []
    for half in (USER, f"{SEND}Content-Length: 24\r\n\r\n"):
        _, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(half.encode())
        writers.append(writer)
    await asyncio.sleep(0.05)
    assert (await api.request("GET", f"{BASE}/user")).status_code == 401
    assert (await api.send_code()).status_code == 200
    for writer in writers:
        writer.close()


async def test_a_byte_now_and_then_buys_no_more_time(api: Api) -> None:
    api.app.config.REQUEST_TIMEOUT = 0.2
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(USER.encode())

    async def drip() -> None:
        for _ in range(10_000):
            writer.write(b"X-Drip: 1\r\n")
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    status, _, body = await asyncio.wait_for(answer(reader), 30)
    dripping.cancel()
    writer.close()
    assert (status, orjson.loads(body)["error"]) == (408, "invalid_request")


async def test_idle_connections_make_room_for_a_new_one_and_those_just_opened_do_not(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = await start(max_connections=8)
    monkeypatch.setattr(timed_protocol, "FRESH", 3600)
    writers = [(await asyncio.open_connection("127.0.0.1", api.port))[1] for _ in range(8)]
    status, headers, body = await raw(api)
    assert (status, orjson.loads(body)["error"]) == (503, "service_unavailable")
    assert headers["connection"] == "close"
    monkeypatch.setattr(timed_protocol, "FRESH", 0)
    assert (await raw(api, f"{USER}\r\n"))[0] == 401
    assert 'latch_requests_shed_total{reason="connections"} 1.0' in (await api.request("GET", "/metrics")).text
    for writer in writers:
        writer.close()


async def test_a_stopping_server_is_not_ready_and_closes_its_connections(api: Api) -> None:
    api.app.ctx.admission.stopping = True
    for path in ("/readyz", f"{BASE}/user"):
        refused = await api.request("GET", path)
        assert error(refused) == (503, "service_unavailable")
        assert refused.headers["connection"] == "close"
    alive = await api.request("GET", "/healthz")
    assert (alive.status_code, alive.headers["connection"]) == (200, "close")


async def test_of_many_to_be_refused_a_few_are_in_each_round() -> None:
    admission = AdmissionController(1, lambda: 0, lambda _: None)
    done: list[int] = []
    for n in range(2 * AT_ONCE):
        admission.when_there_is_time(partial(done.append, n))
    await asyncio.sleep(0)
    assert done == list(range(AT_ONCE))
    await asyncio.sleep(0)
    assert done == list(range(2 * AT_ONCE))


async def test_the_log_tells_of_an_overload_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    admission = AdmissionController(1, lambda: 0, lambda _: None)
    assert admission.acquire(RequestClass.SESSIONS)
    assert not any(admission.acquire(RequestClass.SESSIONS) for _ in range(50))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "overloaded (sessions)" in record.getMessage()


async def test_a_check_and_a_login_too_many_are_counted_once_each(start: Start) -> None:
    api = await start(max_in_flight=1)
    for kind in RequestClass:
        assert api.app.ctx.admission.acquire(kind)
    assert (await api.check("x" * 64)).status_code == 503
    assert (await api.post_login("13800138000", "123456")).status_code == 503
    metrics = (await api.request("GET", "/metrics")).text
    for reason in ("sessions", "database"):
        assert f'latch_requests_shed_total{{reason="{reason}"}} 1.0' in metrics
    for kind in RequestClass:
        api.app.ctx.admission.release(kind)
