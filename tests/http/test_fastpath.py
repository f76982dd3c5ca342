"""What is usual is answered on the connection itself; what a client sees is what the route answers, to the byte."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from service.events import Events
from service.http import fastpath, protocol
from service.http.fastpath import FastRoute, FastRoutes
from service.http.head import RawRequest
from service.http.reader import RequestReader
from service.observability.telemetry import Telemetry
from service.routes import FAST_ROUTES
from service.runtime.admission import RequestClass
from service.stores.database import Database
from service.stores.redis.transport import RedisTransport
from service.stores.sessions import SessionStore
from tests.api.test_overload import answer, until
from tests.client import BASE, MOBILE, Api, bearer
from tests.conftest import Start

PATH = f"{BASE}/authorizations"
HEAD = f"GET {PATH} HTTP/1.1\r\nHost: x\r\n"
MINE = "X-Request-ID: mine-1\r\n"
TWICE = "X-Twice: 1\r\nX-Twice: 2\r\n"  # what is sent more than once is for Sanic to see
# What no two answers have in common.
OWN = re.compile(rb'"(token|refresh_token|session_id)":"[^"]*"|"(expires_in|user_id)":\d+')


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> list[RawRequest]:
    """What was answered the short way."""
    seen: list[RawRequest] = []

    async def watched(app: Any, route: FastRoute, request: RawRequest) -> bytes:
        seen.append(request)
        return await fastpath.serve(app, route, request)

    monkeypatch.setattr(protocol, "serve", watched)
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


async def both_ways(api: Api, headers: str, seen: list[RawRequest], head: str = HEAD) -> bytes:
    """The answer to a request that comes whole; those to one in pieces and to one that Sanic sees are the same."""
    seen.clear()
    whole = await bytes_of(api, f"{head}{headers}\r\n")
    assert len(seen) == 1
    in_pieces = await bytes_of(api, head, f"{headers}\r\n")
    assert as_if(in_pieces) == as_if(whole)
    assert len(seen) == 2
    the_long_way = await bytes_of(api, f"{head}{headers}{TWICE}\r\n")
    assert as_if(the_long_way) == as_if(whole)
    assert len(seen) == 2
    return whole


def as_if(told: bytes) -> bytes:
    """Without what differs from answer to answer, and what Sanic leaves out by itself when it serves for real."""
    return OWN.sub(b"own", told.replace(b"alt-svc: \r\n", b""))


def login(body: object, *headers: str, path: str = PATH) -> tuple[str, str]:
    """The head and the body of a login."""
    sent = body if isinstance(body, str) else orjson.dumps(body).decode()
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(sent)}", "", ""]), sent


async def log_in_both_ways(api: Api, seen: list[RawRequest], *logins: tuple[str, str]) -> bytes:
    """The answer to the first login; that to the last, which comes in pieces and the long way, is the same."""
    seen.clear()
    whole = await bytes_of(api, "".join(logins[0]))
    assert len(seen) == 1
    head, body = logins[-1]
    assert as_if(await bytes_of(api, head.replace("\r\n\r\n", f"\r\n{TWICE}\r\n"), body)) == as_if(whole)
    assert len(seen) == 1
    return whole


async def coded(api: Api, mobile: str, *headers: str) -> tuple[str, str]:
    """A login with a code that was just issued."""
    code = (await api.app.ctx.code_issuer.issue(mobile)).digits
    return login({"mobile": mobile, "code": code}, MINE.strip(), *headers)


@pytest.mark.slow
async def test_a_check_is_answered_the_same_way_whole_in_pieces_and_by_sanic(api: Api, short: list[RawRequest]) -> None:
    seen = short
    tokens, other = await api.log_in(), await api.log_in("13900139000")
    await api.log_out(other["token"])
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


async def test_a_login_is_answered_the_same_way_whole_and_by_sanic(api: Api, short: list[RawRequest]) -> None:
    for _ in range(2):  # new users, then known ones
        logins = [await coded(api, f"138001380{n:02}", "X-Device-Name: Mine", "User-Agent: curl/8") for n in range(2)]
        whole = await log_in_both_ways(api, short, *logins)
        assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
        data = orjson.loads(whole.partition(b"\r\n\r\n")[2])["data"]
        assert await api.is_live(data["token"])
        assert (await api.refresh(data["refresh_token"])).status_code == 200
        listed = await api.request("GET", f"{BASE}/sessions", headers=bearer(data["token"]))
        assert {session["device"] for session in listed.json()["data"]["sessions"]} == {"Mine"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"mobile": MOBILE, "code": "000000"}, b"400"),
        ({"mobile": "+86 138-0013-8000", "code": "000000", "more": 1}, b"400"),
        ({"mobile": "12", "code": "x"}, b"400"),
        ({"mobile": 13800138000}, b"400"),
        ([], b"400"),
        ("{", b"400"),
    ],
)
async def test_a_login_that_is_refused_is_told_the_same_way(
    api: Api, short: list[RawRequest], body: object, status: bytes
) -> None:
    for content_type in ("application/json; charset=utf-8", "application/problem+json"):
        head, sent = login(body, MINE.strip())
        both = head.replace("application/json", content_type), sent
        assert (await log_in_both_ways(api, short, both)).split()[1] == status
    head, sent = login(body, MINE.strip())
    other = head.replace("application/json", "text/plain"), sent
    assert (await log_in_both_ways(api, short, other)).split()[1] == b"415"


async def test_a_limit_and_a_disabled_user_are_told_the_same_way(start: Start, short: list[RawRequest]) -> None:
    api = await start(limit_tries_per_number="1/day")
    await api.log_in()
    await api.app.ctx.users.disable(await api.app.ctx.users.find(MOBILE))
    right = await coded(api, MOBILE)
    assert (await log_in_both_ways(api, short, right)).split()[1] == b"403"
    await bytes_of(api, *login({"mobile": MOBILE, "code": "0" * 6 if "000000" not in right[1] else "1" * 6}))
    whole = await log_in_both_ways(api, short, right)
    assert whole.split()[1] == b"429"
    assert b"\r\nRetry-After: 86401\r\n" in whole


async def test_a_refresh_is_answered_the_same_way_whole_in_pieces_and_by_sanic(
    api: Api, short: list[RawRequest]
) -> None:
    head = f"PUT {PATH} HTTP/1.1\r\nHost: x\r\n"
    tokens, other = await api.log_in(), await api.log_in("13900139000")
    await api.log_out(other["token"])
    for token, status in ((tokens["refresh_token"], b"200"), (other["refresh_token"], b"403"), ("short", b"403")):
        for more in ("", "Content-Length: 0\r\n"):
            whole = await both_ways(api, f"{MINE}Authorization: Bearer {token}\r\n{more}", short, head)
            assert whole.split()[1] == status
    assert (await both_ways(api, MINE, short, head)).split()[1] == b"403"


async def test_redis_that_is_away_is_told_the_same_way(start: Start, unused_port: int, short: list[RawRequest]) -> None:
    api = await start(redis_url=f"redis://127.0.0.1:{unused_port}")
    whole = await both_ways(api, f"{MINE}Authorization: Bearer {'x' * 64}\r\n", short)
    assert whole.split()[1] == b"503"
    refused = login({"mobile": MOBILE, "code": "000000"}, MINE.strip())
    assert (await log_in_both_ways(api, short, refused)).split()[1] == b"503"


def kind_if_fast(text: str) -> RequestClass | None:
    """What a request waits for, if it is answered on the connection."""
    reader = RequestReader()
    reader.unread += text.encode()
    request = reader.next()
    assert request
    route = FastRoutes(FAST_ROUTES).find(request)
    return route.kind if route else None


def test_what_needs_more_goes_the_long_way() -> None:
    assert kind_if_fast(f"{HEAD}Accept: */*\r\n\r\n") is RequestClass.SESSIONS
    for headers in (
        "Connection: close\r\n",
        "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
        "X-Request-ID: a\r\nX-Request-ID: b\r\n",
        "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n",
        "Content-Length: 1\r\n\r\nx",
    ):
        assert kind_if_fast(f"{HEAD}{headers}\r\n") is None, headers


def test_other_requests_are_for_sanic() -> None:
    for line in (
        f"GET {PATH}/",
        f"GET {PATH}?x=1",
        f"DELETE {PATH}",
        f"HEAD {PATH}",
        f"OPTIONS {PATH}",
        f"POST {PATH}/",
        f"PUT {PATH}?x",
        f"GET http://x{PATH}",
        f"GET {BASE}/user",
    ):
        assert kind_if_fast(f"{line} HTTP/1.1\r\nHost: x\r\n\r\n") is None, line


def test_a_login_that_needs_more_goes_the_long_way() -> None:
    usual = "".join(login("{}"))
    assert kind_if_fast(usual) is RequestClass.DATABASE
    for old, new in (
        ("Host: x", "Host: x\r\nConnection: close"),
        ("Host: x", "Host: x\r\nUser-Agent: a\r\nUser-Agent: b"),
        ("Content-Length: 2\r\n", ""),
    ):
        assert kind_if_fast(usual.replace(old, new)) is None, new


def test_a_refresh_has_places_of_its_own() -> None:
    assert kind_if_fast(f"PUT {PATH} HTTP/1.1\r\nHost: x\r\n\r\n") is RequestClass.REFRESHES


async def test_a_page_of_another_origin_is_answered_on_the_connection_too(
    start: Start, short: list[RawRequest]
) -> None:
    api = await start(cors_origins="https://app.example.com")
    tokens = await api.log_in()
    for origin, is_named in (("https://app.example.com", True), ("https://evil.example", False)):
        headers = f"{MINE}Origin: {origin}\r\n"
        for more, status in ((f"Authorization: Bearer {tokens['token']}\r\n", b"200"), ("", b"401")):
            whole = await both_ways(api, f"{headers}{more}", short)
            assert whole.split()[1] == status
            assert (f"access-control-allow-origin: {origin}\r\n".encode() in whole) is is_named


async def test_requests_sent_before_the_answer_are_answered_in_their_order(api: Api) -> None:
    tokens = await api.log_in()
    live, dead = (f"{HEAD}Authorization: Bearer {token}\r\n\r\n" for token in (tokens["token"], "x" * 64))
    health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    async with connected(api) as (reader, writer):
        logging_in = "".join(await coded(api, "13900139000"))
        for part in (live, dead, health, logging_in, live, live[:50], live[50:], health):
            writer.write(part.encode())
            await writer.drain()
            await asyncio.sleep(0)
        assert [(await answer(reader))[0] for _ in range(7)] == [200, 401, 200, 200, 200, 200, 200]


async def test_checks_whose_clients_hang_up_leave_no_place_taken_and_no_answer_to_others(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    meters: dict[str, Any] = {}
    begin = Telemetry.start

    def watched(telemetry: Telemetry, stores: dict[str, Any], events: Events) -> None:
        meters.update(stores)
        begin(telemetry, stores, events)

    monkeypatch.setattr(Telemetry, "start", watched)
    api = await start()
    mine, other = await api.log_in(), await api.log_in("13900139000")
    admission = api.app.ctx.admission
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
    await until(lambda: admission.in_flight == 0)
    await until(lambda: meters["redis"].under_way == 0)


async def test_a_bug_is_answered_with_500_and_not_tried_again(
    api: Api, short: list[RawRequest], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tokens, calls = await api.log_in(), []

    async def broken(*given: Any) -> None:
        calls.append(given)
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(api.app.ctx.authorizations, "check", broken)
        patch.setattr(api.app.ctx.logins, "log_in", broken)
        told = await both_ways(api, f"{MINE}Authorization: Bearer {tokens['token']}\r\n", short)
        assert told.split()[1] == b"500"
        assert b'"error":"internal_error"' in told
        assert len(calls) == 3
        assert (await log_in_both_ways(api, short, await coded(api, MOBILE))).split()[1] == b"500"
        assert len(calls) == 5
    unexpected = [record for record in caplog.records if record.message == "unexpected ZeroDivisionError"]
    assert all(record.exc_info for record in unexpected)
    assert len(unexpected) == 5
    assert await api.is_live(tokens["token"])


async def test_a_login_whose_client_hangs_up_goes_on_and_is_counted_meanwhile(
    api: Api, short: list[RawRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    background, admission = api.app.ctx.background, api.app.ctx.admission
    opening = SessionStore.open

    async def held(*of: Any, **more: Any) -> Any:
        await gate
        return await opening(*of, **more)

    monkeypatch.setattr(SessionStore, "open", held)
    sent = await coded(api, MOBILE)
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write("".join(sent).encode())
    await until(lambda: admission.in_flight == 1 and bool(short))
    writer.transport.abort()
    await until(lambda: background.orphaned == 1)
    assert admission.in_flight == 0
    draining = asyncio.create_task(background.drain(5))
    await asyncio.sleep(0)
    assert not draining.done()
    gate.set_result(None)
    await draining
    assert background.orphaned == 0
    user = await api.app.ctx.users.find(MOBILE)
    assert user
    assert len(await api.app.ctx.sessions.of_user(user.id)) == 1


async def test_a_server_that_is_stopping_closes_the_connection_after_an_answer(api: Api) -> None:
    tokens = await api.log_in()
    check, refresh = RequestReader(), RequestReader()
    check.unread += f"{HEAD}{MINE}Authorization: Bearer {tokens['token']}\r\n\r\n".encode()
    token = f"Authorization: Bearer {tokens['refresh_token']}\r\n\r\n"
    refresh.unread += f"PUT {PATH} HTTP/1.1\r\nHost: x\r\n{token}".encode()
    api.app.ctx.admission.stopping = True
    requests = [request for reader in (check, refresh) if (request := reader.next())]
    table = api.app.ctx.fast_routes
    answers = [await asyncio.create_task(fastpath.serve(api.app, table.find(request), request)) for request in requests]
    api.app.ctx.admission.stopping = False
    assert len(answers) == 2
    for told in answers:
        assert b"\r\nconnection: close\r\n" in told
        assert told.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_login_and_a_refresh_are_two_round_trips_each_and_a_check_one(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every batch that a connection sends is one round trip, and nothing else speaks to Redis."""
    api = await start(limit_logins_per_ip="60/minute", limit_tries_per_number="20/day")
    trips: list[int] = []
    code = await api.new_code(MOBILE)
    tokens = (await api.post_login(MOBILE, code)).json()["data"]
    send = RedisTransport.send

    async def counted(transport: RedisTransport, data: bytes, due: int, tell: Any) -> None:
        trips.append(due)
        await send(transport, data, due, tell)

    monkeypatch.setattr(RedisTransport, "send", counted)

    async def trips_of(request: Any) -> int:
        trips.clear()
        assert (await request).status_code == 200
        return len(trips)

    statements: list[str] = []
    within = Database.within

    async def noted(database: Database, work: Any) -> Any:
        statements.append("one")
        return await within(database, work)

    monkeypatch.setattr(Database, "within", noted)
    code = await api.new_code("13900139000")
    statements.clear()
    assert await trips_of(api.post_login("13900139000", code)) <= 3  # the third counts codes, and nobody waits
    assert len(statements) == 1
    sent = "".join(await coded(api, MOBILE))
    await api.app.ctx.codes.settle()
    trips.clear()
    statements.clear()
    assert (await bytes_of(api, sent)).split()[1] == b"200"
    await api.app.ctx.codes.settle()
    assert (len(trips), sum(trips), len(statements)) == (3, 4, 1)
    assert await trips_of(api.refresh(tokens["refresh_token"])) == 2
    assert await trips_of(api.check(tokens["token"])) == 1
    assert len(statements) == 1
