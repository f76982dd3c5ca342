"""Real connections: as many answers, in order, as llhttp sees requests, and nothing after the first that is none."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from opentelemetry.sdk.trace import TracerProvider

from service.http import timed_protocol
from service.observability.tracing import Tracing
from service.runtime.admission import RequestClass
from tests.api.test_overload import answer, until
from tests.client import BASE, Api, bearer
from tests.conftest import Outbox, Start
from tests.http.judge import judge, sequences

pytestmark = pytest.mark.slow

ID = re.compile(rb"^x-request-id: *(\S*)\r$", re.IGNORECASE | re.MULTILINE)
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-ID: last\r\n\r\n"
LOGIN = f"{BASE}/authorizations"


@asynccontextmanager
async def connected(api: Api) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def say(api: Api, *pieces: bytes) -> bytes:
    """All that is answered until the last request's answer, or until the server has closed."""
    async with connected(api) as (reader, writer):
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        heard = b""
        while b"X-Request-ID: last" not in heard and (part := await asyncio.wait_for(reader.read(65536), 20)):
            heard += part
        return heard


def ids_of(heard: bytes) -> list[bytes]:
    return [found.lower() for found in ID.findall(heard)]


def check(heard: bytes, data: bytes) -> None:
    """What was heard is what the judge says."""
    verdict = judge(data)
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", heard)]
    assert len(statuses) == len(verdict.requests) + verdict.refused, data
    sent = [ID.search(request) for request in verdict.requests]
    for one, heard_id in zip(sent, ids_of(heard), strict=False):
        if one and re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", one[1]):
            assert heard_id == one[1].lower(), data
    assert not verdict.refused or statuses[-1] in {400, 404, 405, 413, 431, 503}, data


def ends_well(data: bytes) -> bool:
    """Whether all of it is judged: a sequence that ends in the middle of a request waits for the rest."""
    verdict = judge(data)
    return verdict.closed or verdict.refused or LAST in verdict.requests[-1:]


async def busy(api: Api) -> None:
    for kind in RequestClass:
        while api.app.ctx.admission.acquire(kind):
            pass


async def tracing(api: Api) -> None:
    api.app.ctx.telemetry.tracing = Tracing(TracerProvider(shutdown_on_exit=False))


async def idle(_api: Api) -> None:
    pass


@pytest.mark.parametrize("made", [idle, busy, tracing], ids=lambda made: made.__name__)
async def test_as_many_answers_as_llhttp_sees_requests(start: Start, made: object) -> None:
    api = await start(max_in_flight=8)
    await made(api)  # type: ignore[operator]
    waiting = 0
    for data in (sequence + LAST for sequence in sequences(11, 70)):
        if ends_well(data) and b"\r\n\r\n" in data:
            check(await say(api, data), data)
        else:
            waiting += 1
    assert waiting < 30
    await until(lambda: api.app.ctx.admission.waiting == 0)
    for kind in RequestClass if made is busy else ():
        for _ in range(api.app.ctx.settings.max_in_flight):
            api.app.ctx.admission.release(kind)


async def test_it_matters_nowhere_how_a_sequence_is_cut(api: Api) -> None:
    found = [sequence + LAST for sequence in sequences(5, 12) if ends_well(sequence + LAST)]
    for data in sorted(found, key=len)[:3]:
        for cut in range(1, len(data)):
            check(await say(api, data[:cut], data[cut:]), data)


@pytest.mark.parametrize("head", ["GET /healthz", f"GET {BASE}/user", f"POST {BASE}/nothing", "POST /healthz"])
async def test_a_body_that_comes_late_is_no_request(api: Api, head: str) -> None:
    tokens = await api.log_in()
    inner = f"GET {LOGIN} HTTP/1.1\r\nHost: x\r\nX-Request-ID: inner\r\nAuthorization: Bearer {tokens['token']}\r\n\r\n"
    outer = f"{head} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(inner)}\r\n\r\n"
    heard = await say(api, outer.encode(), inner.encode(), LAST)
    assert heard.count(b"HTTP/1.1 ") == 2
    assert b"inner" not in heard


async def test_an_empty_line_before_a_request_is_passed_over(api: Api) -> None:
    heard = await say(api, b"\r\n", b"\r\n\r\n" + LAST.replace(b"last", b"one") + b"\r\n\r", b"\n" + LAST)
    assert ids_of(heard) == [b"one", b"last"]


async def test_half_a_request_is_answered_408_and_is_no_failure_of_ours(api: Api) -> None:
    api.app.config.REQUEST_TIMEOUT = 0.2
    halves = ("GET /healthz HT", f"POST {LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{{", "\r")
    for half in halves:
        async with connected(api) as (reader, writer):
            writer.write(half.encode())
            began = time.monotonic()
            status, headers, body = await asyncio.wait_for(answer(reader), 10)
            assert (status, headers["connection"]) == (408, "close")
            assert orjson.loads(body)["error"] == "invalid_request"
            assert 0.15 < time.monotonic() - began < 5
            assert await reader.read() == b""
    metrics = (await api.request("GET", "/metrics")).text
    assert 'latch_requests_total{method="OTHER",route="unmatched",status="408"} 2.0' in metrics
    assert 'status="5' not in metrics


async def test_a_connection_that_says_nothing_is_closed_and_one_that_was_used_may_rest(api: Api) -> None:
    api.app.config.REQUEST_TIMEOUT = 0.2
    async with connected(api) as (silent, _), connected(api) as (used, writer):
        writer.write(LAST)
        assert (await answer(used))[0] == 200
        assert await asyncio.wait_for(silent.read(), 10) == b""
        await asyncio.sleep(0.3)
        writer.write(LAST)
        assert (await answer(used))[0] == 200


async def test_a_used_connection_is_closed_after_its_rest(api: Api) -> None:
    api.app.config.KEEP_ALIVE_TIMEOUT = 0.2
    async with connected(api) as (reader, writer):
        for _ in range(3):
            writer.write(LAST)
            assert (await answer(reader))[0] == 200
        assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_who_waits_for_a_100_gets_it_before_the_body(api: Api) -> None:
    async with connected(api) as (reader, writer):
        head = f"POST {LOGIN} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        writer.write(head.encode())
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        assert (await answer(reader))[0] == 400


async def test_a_refused_client_hears_why_though_it_is_still_sending(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed_protocol, "LINGER", 30.0)
    async with connected(api) as (reader, writer):
        writer.write(f"POST {LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n".encode())
        for _ in range(50):
            writer.write(b"x" * 20_000)
            await writer.drain()
        status, headers, _ = await asyncio.wait_for(answer(reader), 10)
        assert (status, headers["connection"]) == (413, "close")
        assert await reader.read() == b""


async def test_many_requests_sent_at_once_are_answered_in_order(api: Api) -> None:
    one = b"GET %b HTTP/1.1\r\nHost: x\r\nX-Request-ID: n%d\r\n\r\n"
    paths = [LOGIN.encode(), b"/healthz", b"/nothing"]
    data = b"".join(one % (paths[n % 3], n) for n in range(600))
    assert ids_of(await say(api, data, LAST)) == [*(b"n%d" % n for n in range(600)), b"last"]


async def test_heads_are_answered_as_gets_without_a_body(api: Api, outbox: Outbox) -> None:
    tokens = await api.log_in()
    for path in ("/healthz", "/readyz", "/metrics", LOGIN, f"{BASE}/user", f"{BASE}/sessions", "/docs/openapi.json"):
        heads, gets = [await api.request(method, path, headers=bearer(tokens["token"])) for method in ("HEAD", "GET")]
        assert (heads.status_code, heads.content) == (gets.status_code, b"") == (200, b""), path
        assert heads.headers["content-type"] == gets.headers["content-type"]
    sent = len(outbox.messages)
    assert (await api.request("HEAD", f"{BASE}/sms/codes/13900139000")).status_code == 405
    assert len(outbox.messages) == sent
    heard = await say(api, f"HEAD {BASE}/user HTTP/1.1\r\nHost: x\r\n\r\n".encode(), LAST)
    assert heard.count(b"HTTP/1.1 ") == 2
    assert b"invalid_token" not in heard


NUMBERS = ("13812345671", "138-1234-5671", "1-3-8-1-2-3-4-5-6-7-1", "138%201234%205671", "+86-138-1234-5671")


async def test_nothing_that_is_sent_writes_a_line_a_number_or_an_error(
    api: Api, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for method in (b"X\nFORGED", b"X\rFORGED", b"X\x1b[2JFORGED", b"13812345671", b"FORGED"):
        await say(api, method + b" /x HTTP/1.1\r\nHost: x\r\n\r\n")
    for number in NUMBERS:
        path = f"{BASE}/sms/codes/{number}"
        for request in (f"GET {path}", f"FOO {path}", f"GET http://[::1{path}", f"DELETE {path}", f"GET {path}\x7f"):
            head = f"{request} HTTP/1.1\r\nHost: x\r\nX-A: {number}\r\nContent-Length: 2\r\n\r\n"
            await say(api, head.encode(), b"{}" + LAST)
    written = capfd.readouterr().err + caplog.text
    assert "unmatched" in written
    assert "\x1b" not in written
    assert "FORGED" not in written
    assert "1381234567" not in re.sub(r"[ +-]|%20", "", written)
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "WARNING"}]
