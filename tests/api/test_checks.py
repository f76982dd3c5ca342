"""Checks are answered on the connection itself; what a client sees is what the route answers, to the byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.routes import checks
from service.routes.checks import Check
from tests.api.test_load import answer, until
from tests.client import BASE, MOBILE, Api
from tests.conftest import Start

HEAD = f"GET {BASE}/authorizations HTTP/1.1\r\nHost: x\r\n"
MINE = "X-Request-ID: mine-1\r\n"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> list[Check]:
    """The checks that were answered the short way."""
    seen: list[Check] = []
    original = checks.answer

    async def watched(app: Any, check: Check, peer: str) -> bytes:
        seen.append(check)
        return await original(app, check, peer)

    monkeypatch.setattr(checks, "answer", watched)
    return seen


@asynccontextmanager
async def connected(api: Api) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    yield reader, writer
    writer.close()


async def bytes_of(api: Api, *parts: str) -> bytes:
    """All that is answered to these parts, each in a segment of its own."""
    async with connected(api) as (reader, writer):
        for part in parts:
            writer.write(part.encode())
            await writer.drain()
            await asyncio.sleep(0.02)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head + await reader.readexactly(length)


async def both_ways(api: Api, headers: str, seen: list[Check]) -> bytes:
    """The answer to a check that comes whole; that to one in pieces is the same, and took the long way."""
    whole = await bytes_of(api, f"{HEAD}{headers}\r\n")
    assert len(seen) == 1
    in_pieces = await bytes_of(api, HEAD, f"{headers}\r\n")
    assert in_pieces.replace(b"alt-svc: \r\n", b"") == whole  # which Sanic leaves out by itself when it serves for real
    assert len(seen) == 1
    seen.clear()
    return whole


async def test_a_check_is_answered_the_same_way_whole_and_in_pieces(api: Api, short: list[Check]) -> None:
    seen = short
    tokens, other = await api.log_in(), await api.log_in("13900139000")
    await api.log_out(other["token"])
    seen.clear()
    for authorization, status in (
        (f"Authorization: Bearer {tokens['token']}\r\n", b"200"),
        (f"authorization:  bearer  {tokens['token']}  \r\n", b"200"),
        (f"Authorization: Bearer {other['token']}\r\n", b"401"),
        (f"Authorization: Bearer {tokens['refresh_token']}\r\n", b"401"),
        (f"Authorization: Bearer {'x' * 64}\r\n", b"401"),
        ("Authorization: Bearer short\r\n", b"401"),
        ("Authorization: Basic eDp5\r\n", b"401"),
        ("", b"401"),
    ):
        for more in ("", "Connection: keep-alive\r\n", "X-Forwarded-For: 192.0.2.1, 192.0.2.2\r\nAccept: */*\r\n"):
            whole = await both_ways(api, f"{MINE}{authorization}{more}", seen)
            assert whole.split()[1] == status
            assert b"\r\nX-Request-ID: mine-1\r\n" in whole


async def test_redis_that_is_away_is_told_the_same_way(start: Start, unused_port: int, short: list[Check]) -> None:
    seen = short
    api = await start(redis_url=f"redis://127.0.0.1:{unused_port}")
    whole = await both_ways(api, f"{MINE}Authorization: Bearer {'x' * 64}\r\n", seen)
    assert whole.split()[1] == b"503"


@pytest.mark.parametrize(
    "headers",
    [
        "Connection: close\r\n",
        "Content-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Origin: https://example.com\r\n",
        "Expect: 100-continue\r\n",
        "Upgrade: h2c\r\n",
        "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
        "X-Request-ID: a\r\nX-Request-ID: b\r\n",
        "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n",
        " folded: line\r\n",
        "no colon\r\n",
        "Accept: \u00e9\r\n",
        f"Accept: {'x' * checks.LONGEST}\r\n",
    ],
)
def test_what_needs_more_goes_the_long_way(headers: str) -> None:
    assert Check.of(f"{HEAD}{headers}\r\n".encode()) is None
    assert Check.of(f"{HEAD}Accept: */*\r\n\r\n".encode()) is not None


@pytest.mark.parametrize(
    "request_line", [f"GET {BASE}/authorizations/", f"GET {BASE}/authorizations?x=1", f"PUT {BASE}/authorizations"]
)
def test_other_requests_are_no_checks(request_line: str) -> None:
    assert Check.of(f"{request_line} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) is None
    assert Check.of(f"{HEAD}\r\n{HEAD}\r\n".encode()) is None
    assert Check.of(HEAD.encode()) is None


async def test_requests_sent_before_the_answer_are_answered_in_their_order(api: Api) -> None:
    tokens = await api.log_in()
    live, dead = (f"{HEAD}Authorization: Bearer {token}\r\n\r\n" for token in (tokens["token"], "x" * 64))
    health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    async with connected(api) as (reader, writer):
        for part in (live, dead, health, live, live[:50], live[50:], health):
            writer.write(part.encode())
            await writer.drain()
            await asyncio.sleep(0)
        assert [(await answer(reader))[0] for _ in range(6)] == [200, 401, 200, 200, 200, 200]


async def test_checks_whose_clients_hang_up_leave_no_place_taken_and_no_answer_to_others(api: Api) -> None:
    mine, other = await api.log_in(), await api.log_in("13900139000")
    load = api.app.ctx.load
    for turns in range(60):
        async with connected(api) as (reader, writer):
            _, leaver = await asyncio.open_connection("127.0.0.1", api.port)
            leaver.write(f"{HEAD}Authorization: Bearer {other['token']}\r\n\r\n".encode())
            for _ in range(turns % 12):
                await asyncio.sleep(0)
            leaver.transport.abort()
            writer.write(f"{HEAD}Authorization: Bearer {mine['token']}\r\n\r\n".encode())
            _, headers, _ = await answer(reader)
            assert headers["x-user-id"] == str(mine["user_id"])
    await until(lambda: load._total == 0)
    meter = api.app.ctx.codes._store._connection.meter
    await until(lambda: meter.under_way == 0)


async def test_a_bug_in_a_check_is_answered_by_the_long_way(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = await api.log_in()

    async def broken(_text: str) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(api.app.ctx.authorizations, "check", broken)
        response = await api.check(tokens["token"])
        assert (response.status_code, response.json()["error"]) == (500, "internal_error")
    assert await api.is_live(tokens["token"])


async def test_a_server_that_is_stopping_closes_the_connection_after_a_check(api: Api) -> None:
    tokens = await api.log_in()
    check = Check.of(f"{HEAD}{MINE}Authorization: Bearer {tokens['token']}\r\n\r\n".encode())
    assert check
    api.app.ctx.load.stopping = True
    told = await asyncio.create_task(checks.answer(api.app, check, "192.0.2.1"))
    api.app.ctx.load.stopping = False
    assert b"\r\nconnection: close\r\n" in told
    assert told.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_login_is_four_round_trips_a_refresh_two_and_a_check_one(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every batch of a line is one round trip, and nothing else speaks to Redis."""
    trips: list[int] = []
    code = await api.new_code(MOBILE)
    tokens = (await api.post_login(MOBILE, code)).json()["data"]
    connection = api.app.ctx.codes._store._connection
    for line in connection._lines._lines:
        exchange = line._exchange

        async def counted(calls: Any, exchange: Any = exchange) -> None:
            trips.append(len(calls))
            await exchange(calls)

        monkeypatch.setattr(line, "_exchange", counted)

    async def trips_of(request: Any) -> int:
        trips.clear()
        assert (await request).status_code == 200
        return len(trips)

    statements: list[str] = []
    database = api.app.ctx.users._store._database
    within = database.within

    async def noted(work: Any) -> Any:
        statements.append("one")
        return await within(work)

    monkeypatch.setattr(database, "within", noted)
    code = await api.new_code("13900139000")
    statements.clear()
    assert await trips_of(api.post_login("13900139000", code)) <= 4
    assert len(statements) == 1
    assert await trips_of(api.refresh(tokens["refresh_token"])) == 2
    assert await trips_of(api.check(tokens["token"])) == 1
    assert len(statements) == 1
