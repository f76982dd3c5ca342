"""Browser apps on other origins (section 6 of the contract)."""

import asyncio

import pytest

from tests.client import BASE, MOBILE, Api, error
from tests.conftest import Outbox, Start

APP = "https://app.example.com"
LOGIN = f"{BASE}/authorizations"


@pytest.fixture
async def browser_api(start: Start) -> Api:
    return await start(cors_origins=f"{APP}, http://localhost:3000")


def preflight(origin: str, method: str, headers: str = "authorization,content-type,x-device-name") -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}


@pytest.mark.parametrize("origin", [APP, "http://localhost:3000"])
@pytest.mark.parametrize(
    ("path", "method"), [(LOGIN, "POST"), (LOGIN, "PUT"), (LOGIN, "DELETE"), (f"{BASE}/sms/codes", "POST")]
)
async def test_a_preflight_of_a_listed_origin_is_answered(
    browser_api: Api, origin: str, path: str, method: str
) -> None:
    response = await browser_api.request("OPTIONS", path, headers=preflight(origin, method))
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == origin
    assert method in response.headers["access-control-allow-methods"]
    allowed = set(response.headers["access-control-allow-headers"].split(","))
    assert allowed == {"authorization", "content-type", "x-device-name"}
    assert response.headers["vary"].lower() == "origin"


async def test_apps_may_send_our_own_headers_and_those_that_are_named(start: Start) -> None:
    api = await start(cors_origins=APP, cors_headers="X-App-Version, traceparent")
    own = "authorization,content-type,x-device-id,x-device-name,x-request-id"
    asked = preflight(APP, "POST", f"{own},x-app-version,traceparent,x-other")
    response = await api.request("OPTIONS", LOGIN, headers=asked)
    allowed = set(response.headers["access-control-allow-headers"].split(","))
    assert allowed == {*own.split(","), "x-app-version", "traceparent"}


async def test_a_preflight_of_the_address_with_a_number_sends_nothing(browser_api: Api, outbox: Outbox) -> None:
    response = await browser_api.request("OPTIONS", f"{BASE}/sms/codes/{MOBILE}", headers=preflight(APP, "GET"))
    assert response.headers["access-control-allow-origin"] == APP
    assert outbox.messages == []


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.com.evil.example", "null"])
async def test_another_origin_is_given_nothing(browser_api: Api, origin: str) -> None:
    for response in (
        await browser_api.request("OPTIONS", LOGIN, headers=preflight(origin, "POST")),
        await browser_api.request("GET", LOGIN, headers={"Origin": origin}),
    ):
        assert not [name for name in response.headers if name.startswith("access-control")]


async def test_answers_and_errors_alike_can_be_read_by_the_app(browser_api: Api) -> None:
    tokens = await browser_api.log_in(Origin=APP)
    for response in (
        await browser_api.request("GET", LOGIN, headers={"Origin": APP, "Authorization": f"Bearer {tokens['token']}"}),
        await browser_api.request("GET", LOGIN, headers={"Origin": APP}),
        await browser_api.request("GET", f"{BASE}/nothing", headers={"Origin": APP}),
        await browser_api.request("POST", LOGIN, headers={"Origin": APP}, content=b"x" * 20_000),
    ):
        assert response.headers["access-control-allow-origin"] == APP
        exposed = set(response.headers["access-control-expose-headers"].split(","))
        assert exposed == {"x-request-id", "retry-after"}


async def test_without_origins_no_browser_app_is_let_in(api: Api) -> None:
    response = await api.request("OPTIONS", LOGIN, headers=preflight(APP, "POST"))
    assert not [name for name in response.headers if name.startswith("access-control")]


# --- Codes that a page of another site asks for ----------------------------------------------------------------------

ELSEWHERE = "https://evil.example"
CODE_TO = f"{BASE}/sms/codes/{MOBILE}"


async def asked_by_page(api: Api, **headers: str) -> int:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return (await api.request("GET", CODE_TO, headers=sent)).status_code


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"Referer": f"{ELSEWHERE}/free/coins"},
        {"Origin": ELSEWHERE},
        {"Origin": "null", "Referer": f"{APP}/"},
        {"Origin": ELSEWHERE, "Referer": f"{APP}/"},
        {"Referer": f"{APP}.evil.example/"},
        {"Referer": f"{ELSEWHERE}/?{APP}/"},
        {"Referer": "https://[app.example.com/"},
    ],
)
async def test_a_page_of_another_site_has_no_code_sent(browser_api: Api, outbox: Outbox, page: dict[str, str]) -> None:
    response = await browser_api.request("GET", CODE_TO, headers={"Sec-Fetch-Site": "cross-site", **page})
    assert error(response) == (403, "forbidden")
    assert outbox.messages == []


@pytest.mark.parametrize("page", [{"Origin": APP}, {"Referer": f"{APP}/login?next=%2F"}, {"Referer": f"{APP}/"}])
async def test_a_page_that_the_settings_name_has(browser_api: Api, page: dict[str, str]) -> None:
    assert await asked_by_page(browser_api, Sec_Fetch_Site="cross-site", **page) == 200


@pytest.mark.parametrize("site", ["same-origin", "same-site", "none", ""])
async def test_the_sites_own_pages_and_what_is_no_browser_have_codes_sent(api: Api, site: str) -> None:
    assert await asked_by_page(api, **({"Sec_Fetch_Site": site} if site else {})) == 200


async def test_a_star_names_every_page(start: Start) -> None:
    assert await asked_by_page(await start(cors_origins="*"), Sec_Fetch_Site="cross-site") == 200


async def test_nor_has_it_by_a_post_for_which_no_browser_asks_leave(browser_api: Api, outbox: Outbox) -> None:
    """`fetch(url, {method: "POST", mode: "no-cors", body: new Blob([json])})` sends no content type."""
    body = b'{"mobile": "%b"}' % MOBILE.encode()
    for site, status in (("cross-site", 403), ("same-origin", 200)):
        headers = {"Sec-Fetch-Site": site, "Origin": ELSEWHERE}
        response = await browser_api.request("POST", f"{BASE}/sms/codes", content=body, headers=headers)
        assert response.status_code == status
    assert len(outbox.messages) == 1


async def test_where_every_origin_is_let_in_an_answer_to_no_page_names_none(start: Start) -> None:
    api = await start(cors_origins="*")
    for request in (f"GET {LOGIN} HTTP/1.1\r\nHost: x", f"POST {LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999"):
        for origin, is_named in (("", False), ("\r\nOrigin: https://any.example", True)):
            reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
            writer.write(f"{request}{origin}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            assert (b"access-control-allow-origin" in head) is is_named
