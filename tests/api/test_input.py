"""Section 1.2 of the contract: everything that may not pass, and what the answer says."""

import asyncio
import gzip
import re
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest

from tests.client import BASE, MOBILE, Api, bearer, error
from tests.conftest import Outbox

LOGIN = f"{BASE}/authorizations"
CODES = f"{BASE}/sms/codes"

BAD_MOBILES: list[Any] = [
    "",
    "1380013800",
    "138001380000",
    "12800138000",
    "03800138000",
    "１３８００１３８０００",
    "١٣٨٠٠١٣٨٠٠٠",
    "1380013800०",
    "1380013800²",
    "+8513800138000",
    "+86+8613800138000",
    "138.0013.8000",
    "868613800138000",
    "tel:tel:13800138000",
    "13800138000\x00",
    "1380013800o",
    "x" * 5000,
    13800138000,
    1.38e10,
    True,
    None,
    [],
    {},
    ["13800138000"],
]
BAD_CODES: list[Any] = [
    "",
    "12345",
    "1234567",
    "12345\n",
    "١٢٣٤٥٦",
    "１２３４５６",
    "12345²",
    "123.456",
    "(123456)",
    "12 34 5",
    "abcdef",
    123456,
    None,
    True,
    [],
    {},
]


async def test_a_bad_mobile_is_named(api: Api, outbox: Outbox) -> None:
    for mobile in BAD_MOBILES:
        for response in (await api.send_code(mobile), await api.post_login(mobile, "123456")):
            assert error(response) == (400, "invalid_request"), mobile
            assert set(response.json()["fields"]) == {"mobile"}, mobile
    assert outbox.messages == []


async def test_a_bad_mobile_in_the_address_is_named(api: Api, outbox: Outbox) -> None:
    for mobile in ("1380013800", "13800138000%00", "%EF%BC%913800138000", "abc", "138001380001"):
        response = await api.request("GET", f"{CODES}/{mobile}")
        assert error(response) == (400, "invalid_request"), mobile
        assert set(response.json()["fields"]) == {"mobile"}, mobile
    assert outbox.messages == []


async def test_a_bad_code_is_named_and_costs_no_try(api: Api) -> None:
    right = await api.new_code()
    for code in BAD_CODES:
        response = await api.post_login(MOBILE, code)
        assert error(response) == (400, "invalid_request"), code
        assert set(response.json()["fields"]) == {"code"}, code
    assert (await api.post_login(MOBILE, right)).status_code == 200


PASTED = ["86{}", "0086 {}", "(+86) {}", "tel:+86-{}", "\u202d+86\u00a0{}\u202c", "{}\n", "（+86）{}"]


async def test_a_number_is_taken_as_people_paste_it(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    for pasted in PASTED:
        written = pasted.format(f"{MOBILE[:3]}-{MOBILE[3:7]} {MOBILE[7:]}")
        in_body = await api.send_code(written)
        in_address = await api.request("GET", f"{CODES}/{quote(written, safe='')}")
        for response in (in_body, in_address):
            assert response.status_code == 200, written
            assert response.json()["data"]["mobile"] == MOBILE
        assert (await api.post_login(written, api.phone.code(MOBILE))).status_code == 200
    ours = [vars(record) for record in caplog.records if record.name.startswith(("service", "latch"))]
    assert len(ours) > len(PASTED)
    assert MOBILE not in re.sub(r"\W", "", str(ours))


@pytest.mark.parametrize("shape", ["{} {}", " {}{}\n", "{}-{}", "{}\u00a0{}", "{}\u2013{}", "\u200e{}\t{}\u200b"])
async def test_a_code_is_taken_as_keyboards_and_copying_give_it(api: Api, shape: str) -> None:
    code = await api.new_code()
    assert (await api.post_login(MOBILE, shape.format(code[:3], code[3:]))).status_code == 200


@pytest.mark.parametrize("body", [{}, {"mobile": 1, "code": 2}, {"mobile": "x", "code": "y"}, {"Mobile": MOBILE}])
async def test_every_bad_field_is_named_at_once(api: Api, body: dict[str, Any]) -> None:
    response = await api.request("POST", LOGIN, json=body)
    assert error(response) == (400, "invalid_request")
    assert set(response.json()["fields"]) == {"mobile", "code"}


async def test_unknown_fields_are_ignored(api: Api) -> None:
    body = {"mobile": MOBILE, "code": await api.new_code(), "platform": "ios", "nested": {"a": [1]}}
    assert (await api.request("POST", LOGIN, json=body)).status_code == 200


async def test_a_byte_order_mark_before_the_json_is_passed_over(api: Api) -> None:
    code = await api.new_code()
    content = b"\xef\xbb\xbf" + orjson.dumps({"mobile": MOBILE, "code": code})
    headers = {"Content-Type": "application/json"}
    assert (await api.request("POST", LOGIN, content=content, headers=headers)).status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate", "identity, gzip", "x-unknown"])
async def test_an_encoded_body_is_refused_before_it_is_read(api: Api, coding: str) -> None:
    content = gzip.compress(orjson.dumps({"mobile": MOBILE, "code": "123456"}))
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    for path in (LOGIN, CODES):
        response = await api.request("POST", path, content=content, headers=headers)
        assert error(response) == (415, "unsupported_media_type"), path
        assert response.headers["accept-encoding"] == "identity"
        assert "Content-Encoding" in response.json()["message"]


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
async def test_a_body_that_is_called_not_encoded_is_read(api: Api, coding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    content = orjson.dumps({"mobile": MOBILE})
    assert (await api.request("POST", CODES, content=content, headers=headers)).status_code == 200


NOT_OBJECTS = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"1",
    b"\xff\xfe",
    b"{'a': 1}",
    b'{"mobile": NaN}',
    b"[" * 2000,
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xef\xbb\xbf\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
]


async def test_a_body_that_is_no_json_object_is_refused(api: Api) -> None:
    for path in (LOGIN, CODES):
        for content in NOT_OBJECTS:
            response = await api.request("POST", path, content=content, headers={"Content-Type": "application/json"})
            assert error(response) == (400, "invalid_request"), content
            assert set(response.json()["fields"]) == {"body"}, content


async def test_a_body_over_16_kib_is_refused(api: Api) -> None:
    for path in (LOGIN, CODES):
        for size in (16 * 1024 + 1, 20_000, 1_000_000):
            body = orjson.dumps({"mobile": MOBILE, "code": "1" * size})[:size]
            response = await api.request("POST", path, content=body, headers={"Content-Type": "application/json"})
            assert error(response) == (413, "payload_too_large"), size


async def test_a_body_of_16_kib_is_read(api: Api) -> None:
    body = {"mobile": MOBILE, "padding": ""}
    body["padding"] = "x" * (16 * 1024 - len(orjson.dumps(body)))
    assert len(orjson.dumps(body)) == 16 * 1024
    response = await api.request(
        "POST", CODES, content=orjson.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 200


OTHER_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "evil+json",
]


async def test_a_body_of_another_type_is_refused(api: Api) -> None:
    content = orjson.dumps({"mobile": MOBILE, "code": "123456"})
    for path in (LOGIN, CODES):
        for media_type in OTHER_TYPES:
            response = await api.request("POST", path, content=content, headers={"Content-Type": media_type})
            assert error(response) == (415, "unsupported_media_type"), media_type


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
async def test_json_is_taken_however_it_is_written(api: Api, media_type: str) -> None:
    content = orjson.dumps({"mobile": MOBILE})
    response = await api.request("POST", CODES, content=content, headers={"Content-Type": media_type})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", LOGIN, {"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"}),
        ("DELETE", CODES, {"OPTIONS", "POST"}),
        ("GET", CODES, {"OPTIONS", "POST"}),
        ("HEAD", f"{CODES}/{MOBILE}", {"GET", "OPTIONS"}),
        ("POST", f"{BASE}/user", {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH"}),
        ("POST", "/healthz", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_a_wrong_method_is_refused_with_the_right_ones(
    api: Api, outbox: Outbox, method: str, path: str, allowed: set[str]
) -> None:
    response = await api.request(method, path)
    assert response.status_code == 405
    if method != "HEAD":
        assert error(response) == (405, "method_not_allowed")
    assert {name.strip() for name in response.headers["allow"].split(",")} == allowed
    assert outbox.messages == []


@pytest.mark.parametrize("path", ["/", BASE, f"{BASE}/nothing", f"{CODES}/{MOBILE}/more", "/favicon.ico", "/..%2f"])
async def test_an_unknown_address_is_404_in_the_envelope(api: Api, path: str) -> None:
    assert error(await api.request("GET", path)) == (404, "not_found")


async def raw(api: Api, request: bytes) -> bytes:
    """Send bytes as they are and read the answer to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer


REFUSED_EARLY = [
    (b"nonsense\r\n\r\n", 400, "invalid_request"),
    (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400, "invalid_request"),
    (b"FOO /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"),
    (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"),
    (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431, "payload_too_large"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400, "invalid_request"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "invalid_request"),
    (
        b"POST /app/v1_0/sms/codes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        400,
        "invalid_request",
    ),
    (
        b"GET http://[::1/app/v1_0/sms/codes/%2B8613912345679 HTTP/1.1\r\nHost: x\r\n\r\n",
        400,
        "invalid_request",
    ),
    (b"GET /app/v1_0/sms/codes/+8613912345678?\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 1\r\n\r\na", 400, "invalid_request"),
]


async def test_what_reaches_no_route_is_refused_in_the_envelope_too(api: Api) -> None:
    for request_bytes, status, code in REFUSED_EARLY:
        head, _, body = (await raw(api, request_bytes)).partition(b"\r\n\r\n")
        assert int(head.split(b" ")[1]) == status, request_bytes
        answer = orjson.loads(body)
        assert answer["error"] == code, request_bytes
        assert f"X-Request-ID: {answer['request_id']}".encode() in head
        assert b"Cache-Control: no-store" in head


async def test_a_refresh_and_a_log_out_with_a_huge_body_are_refused_too(api: Api) -> None:
    for method in ("PUT", "DELETE"):
        assert error(await api.request(method, LOGIN, content=b"x" * 20_000)) == (413, "payload_too_large")


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error_of_ours(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(b"POST /app/v1_0/sms/codes HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{}")
    await writer.drain()
    writer.close()
    await asyncio.sleep(0.05)
    assert (await api.request("GET", "/healthz")).status_code == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_methods_that_somebody_invents_do_not_grow_the_metrics(api: Api) -> None:
    for n in range(5):
        await raw(api, f"MAKEUP{n} / HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    text = (await api.request("GET", "/metrics")).text
    assert "MAKEUP" not in text
    assert 'method="OTHER"' in text


@pytest.mark.parametrize("sent", ["abc-123", "A" * 64, "1.2_3-4"])
async def test_a_sane_request_id_is_kept(api: Api, sent: str) -> None:
    response = await api.request("GET", f"{BASE}/user", headers={"X-Request-ID": sent})
    assert response.headers["x-request-id"] == response.json()["request_id"] == sent


@pytest.mark.parametrize("sent", ["", "A" * 65, "a b", 'x"y', "<script>", "a/b"])
async def test_another_request_id_is_replaced(api: Api, sent: str) -> None:
    response = await api.request("GET", f"{BASE}/user", headers={"X-Request-ID": sent})
    assert response.headers["x-request-id"] == response.json()["request_id"] != sent


async def test_a_device_name_is_taken_percent_encoded(api: Api) -> None:
    family = "张三的 👨\u200d👩\u200d👧"
    tokens = await api.log_in(**{"X-Device-Name": quote(family)})
    response = await api.request("GET", f"{BASE}/sessions", headers=bearer(tokens["token"]))
    assert [session["device"] for session in response.json()["data"]["sessions"]] == [family]


async def test_a_device_name_of_odd_bytes_is_stored_readably(api: Api, redis: Any) -> None:
    body = {"mobile": MOBILE, "code": await api.new_code()}
    headers = httpx.Headers([(b"x-device-name", b"Zo\xc3\xab's phone \xff" + b"x" * 200)])
    response = await api.request("POST", LOGIN, json=body, headers=headers)
    assert response.status_code == 200
    [key] = await redis.keys("session:*")
    record = orjson.loads(await redis.get(key))
    assert record["device"]["name"] == ("Zoë's phone \ufffd" + "x" * 200)[:64]
    assert record["device"]["ip"] == "127.0.0.1"
