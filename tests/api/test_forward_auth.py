"""`/forward-auth`: the check, whatever method and path a gateway's client has used (1.1 of the contract)."""

import asyncio
import logging
from itertools import product

import orjson
import pytest

from service.http import timed_protocol
from service.http.head import METHODS
from service.runtime.admission import RequestClass
from tests.api.test_overload import until
from tests.client import BASE, Api, bearer, error
from tests.conftest import Start

PATH = f"{BASE}/forward-auth"
APP = "https://app.example.com"
ALL_METHODS = sorted({*(method.decode() for method in METHODS), "CONNECT", "TRACE", "BREW"})


async def heard(api: Api, *pieces: str | bytes, at_once: bool = False) -> tuple[bytes, bytes]:
    """The head and the rest of all that is answered until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    for number, piece in enumerate(pieces):
        if number and not at_once:
            await asyncio.sleep(0.02)
        writer.write(piece if isinstance(piece, bytes) else piece.encode())
    told = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, rest = told.partition(b"\r\n\r\n")
    return head, rest


def request(method: str, token: str | None, *lines: str, path: str = PATH) -> str:
    sent = [f"{method} {path} HTTP/1.1", "Host: x", *([f"Authorization: Bearer {token}"] if token else []), *lines]
    return "\r\n".join([*sent, "", ""])


async def test_every_method_is_the_check_and_nothing_else(api: Api) -> None:
    tokens = await api.log_in()
    paths = (PATH, f"{PATH}/", f"{PATH}?x", f"{PATH}{BASE}/authorizations", f"http://x{PATH}/orders?q=%2f")
    for method, path in product(ALL_METHODS, paths):
        head, body = await heard(api, request(method, tokens["token"], "Connection: close", path=path))
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert f"X-User-Id: {tokens['user_id']}\r\n".encode() in head
        assert f"X-Session-Id: {tokens['session_id']}\r\n".encode() in head
        assert (body == b"") is (method == "HEAD")
        head, body = await heard(api, request(method, None, "Connection: close", path=path))
        assert head.startswith(b"HTTP/1.1 401 ")
        assert b"WWW-Authenticate: Bearer" in head
        assert (body == b"") is (method == "HEAD")
    assert await api.is_live(tokens["token"])


async def test_it_says_what_the_check_says(api: Api) -> None:
    tokens, ended = await api.log_in(), await api.log_in("13900139000")
    await api.log_out(ended["token"])
    for token in (tokens["token"], tokens["refresh_token"], ended["token"], "x" * 64, "short"):
        checked = await api.check(token)
        for method in ("GET", "PUT", "DELETE", "PATCH", "POST"):
            asked = await api.request(method, f"{PATH}/orders", headers=bearer(token))
            assert asked.status_code == checked.status_code, method
            assert asked.json().keys() == checked.json().keys()
            assert asked.json().get("error") == checked.json().get("error")
            assert asked.headers.keys() == checked.headers.keys()


async def test_the_head_of_an_answer_to_head_is_that_to_get(api: Api) -> None:
    for headers in ({}, bearer((await api.log_in())["token"])):
        got, head = [await api.request(method, PATH, headers=headers) for method in ("GET", "HEAD")]
        assert {**head.headers, "x-request-id": ""} == {**got.headers, "x-request-id": ""}
        assert (head.status_code, head.content) == (got.status_code, b"")


async def test_a_preflight_is_nobody_without_a_token(start: Start) -> None:
    api = await start(cors_origins=APP)
    asked = {"Origin": APP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for path in (PATH, f"{PATH}/orders"):
        refused = await api.request("OPTIONS", path, headers=asked)
        assert error(refused) == (401, "invalid_token")
        assert refused.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize("path", [f"{BASE}/forward-authorizations", f"{BASE}/forward-auth%2forders", "/forward-auth"])
async def test_what_is_not_below_it_is_not_there(api: Api, path: str) -> None:
    tokens = await api.log_in()
    assert error(await api.request("GET", path, headers=bearer(tokens["token"]))) == (404, "not_found")


@pytest.mark.parametrize(
    "announced",
    [
        "Content-Length: 100",
        "Content-Length: 99999999",
        "Content-Length: 100\r\nExpect: 100-continue",
        "Transfer-Encoding: chunked",
    ],
)
async def test_the_answer_waits_for_no_body_and_the_connection_ends_with_it(api: Api, announced: str) -> None:
    tokens = await api.log_in()
    for token, status in ((tokens["token"], b"200"), (None, b"401")):
        for pieces in (
            (request("POST", token, announced),),
            (request("POST", token, announced), "x" * 50),
            # A gateway that never sends the body has its next request taken for none.
            (request("POST", token, announced), request("GET", tokens["token"])),
        ):
            head, body = await heard(api, *pieces)
            assert head.split()[1] == status
            assert b"\r\nconnection: close" in head
            assert orjson.loads(body)  # one answer, whole, and no second one


async def test_a_body_that_is_there_is_passed_over_and_the_connection_goes_on(api: Api) -> None:
    token = (await api.log_in())["token"]
    inner = request("DELETE", token, path=f"{BASE}/authorizations")
    with_body = request("POST", token, f"Content-Length: {len(inner)}") + inner
    head, rest = await heard(api, with_body + request("GET", token, "Connection: close"))
    assert b"\r\nconnection: keep-alive" in head
    assert rest.count(b"HTTP/1.1 200 OK") == 1
    assert await api.is_live(token)


async def test_a_client_that_sends_on_hears_its_answer(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed_protocol, "LINGER", 5)
    token = (await api.log_in())["token"]
    body = b"x" * 300_000
    head, _ = await heard(api, request("POST", token, f"Content-Length: {len(body)}"), body, at_once=True)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_http_1_0_is_served_too(api: Api) -> None:
    token = (await api.log_in())["token"]
    head, _ = await heard(api, f"HEAD {PATH} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close" in head


async def test_a_token_that_comes_twice_is_none(api: Api) -> None:
    token = (await api.log_in())["token"]
    twice = f"Authorization: Bearer {token}"
    head, _ = await heard(api, request("GET", token, twice, "Connection: close"))
    assert head.startswith(b"HTTP/1.1 401 ")


async def test_neither_log_nor_metrics_tell_what_was_asked_for(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "service.access")
    for method in ("GET", "BREW"):
        await heard(api, request(method, None, "Connection: close", path=f"{PATH}/sms/codes/13800138000?a=secret"))
    told = [record.getMessage() for record in caplog.records if record.name == "service.access"]
    assert [line.split(" status")[0] for line in told] == [f"GET {PATH}", f"OTHER {PATH}"]
    metrics = (await api.request("GET", "/metrics")).text
    assert f'latch_requests_total{{method="OTHER",route="{PATH}",status="401"}} 1.0' in metrics
    assert "secret" not in metrics
    assert "13800138000" not in metrics


@pytest.mark.parametrize("method", ["HEAD", "POST", "BREW"])
async def test_it_takes_the_place_of_a_check(start: Start, method: str) -> None:
    api = await start(max_in_flight=1)
    assert api.app.ctx.admission.acquire(RequestClass.SESSIONS)
    head, body = await heard(api, request(method, "x" * 64, "Connection: close", "Content-Length: 9"))
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After" in head
    assert (body == b"") is (method == "HEAD")
    api.app.ctx.admission.release(RequestClass.SESSIONS)
    await heard(api, request(method, "x" * 64, "Connection: close"))
    await until(lambda: api.app.ctx.admission.in_flight == 0)
