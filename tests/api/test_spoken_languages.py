"""What people read (`message`, `fields`, an SMS) is in the language of Accept-Language; what programs read is not."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import orjson
import pytest

from service.http import timed_protocol
from service.http.errors import STATUS
from service.languages import LONGEST
from tests.api.test_overload import SEND, full, raw
from tests.client import BASE, MOBILE, Api, bearer, error
from tests.conftest import Outbox, Start

SPOKEN = re.compile("[\u4e00-\u9fff]")
ASKED = {"zh-CN": "zh-CN", "en": "en", "": "en"}  # what each Accept-Language is answered in
OTHER, THIRD = "13900139000", "13700137000"
OF_THE_CONSOLE = {"not_logged_in", "login_failed"}
TOKEN = "A" * 64

Headers = dict[str, str]


def is_chinese(text: str) -> bool:
    return SPOKEN.search(text) is not None


def check(response: httpx.Response, code: str, language: str) -> None:
    """The failure is this one, and all that a person reads of it is in this language."""
    assert error(response)[1] == code, response.text
    body = response.json()
    assert response.headers["content-language"] == language
    for text in (body["message"], *body.get("fields", {}).values()):
        assert is_chinese(text) is (language == "zh-CN"), text
    challenge = response.headers.get("www-authenticate", "")
    assert challenge.isascii()


class Failing:
    """An app, and what is to be asked of it for each failure of the contract."""

    def __init__(self, api: Api, guarded: Api, gone: Api, outbox: Outbox, patch: pytest.MonkeyPatch) -> None:
        self.api, self.guarded, self.gone, self.outbox, self.patch = api, guarded, gone, outbox, patch

    async def ask(self, method: str, path: str, headers: Headers, **options: Any) -> httpx.Response:
        return await self.api.request(method, f"{BASE}{path}", headers=headers, **options)

    async def invalid_request(self, headers: Headers) -> httpx.Response:
        return await self.api.post_login("no number", "12", **headers)

    async def invalid_code(self, headers: Headers) -> httpx.Response:
        return await self.api.post_login(THIRD, "000000", **headers)

    async def invalid_token(self, headers: Headers) -> httpx.Response:
        return await self.ask("GET", "/forward-auth/any/path", headers | bearer(TOKEN))

    async def invalid_client(self, headers: Headers) -> httpx.Response:
        return await self.ask("POST", "/introspect", headers | bearer("no key"), data={"token": TOKEN})

    async def session_ended(self, headers: Headers) -> httpx.Response:
        token = (await self.api.log_in())["token"]
        await self.api.log_out(token)
        response = await self.ask("GET", "/authorizations", headers | bearer(token))
        assert response.json()["reason"] == "logged_out"
        return response

    async def invalid_refresh_token(self, headers: Headers) -> httpx.Response:
        return await self.ask("PUT", "/authorizations", headers | bearer(TOKEN))

    async def user_disabled(self, headers: Headers) -> httpx.Response:
        await self.api.log_in(THIRD)
        users = self.api.app.ctx.users
        await users.disable(await users.find(THIRD))
        response = await self.api.post_login(THIRD, await self.api.new_code(THIRD), **headers)
        await users.enable(await users.find(THIRD))
        return response

    async def forbidden(self, headers: Headers) -> httpx.Response:
        return await self.ask("GET", f"/sms/codes/{MOBILE}", headers | {"Sec-Fetch-Site": "cross-site"})

    async def mobile_taken(self, headers: Headers) -> httpx.Response:
        token, _ = (await self.api.log_in())["token"], await self.api.log_in(OTHER)
        current, new = [await self.api.code_for("change", mobile, token) for mobile in (MOBILE, OTHER)]
        body = {"mobile": OTHER, "code": new, "current_code": current}
        return await self.ask("PUT", "/user/mobile", headers | bearer(token), json=body)

    async def captcha_required(self, headers: Headers) -> httpx.Response:
        return await self.guarded.send_code(**headers)

    async def not_found(self, headers: Headers) -> httpx.Response:
        return await self.ask("GET", "/nowhere", headers)

    async def method_not_allowed(self, headers: Headers) -> httpx.Response:
        return await self.ask("PATCH", "/authorizations", headers)

    async def payload_too_large(self, headers: Headers) -> httpx.Response:
        return await self.ask("POST", "/authorizations", headers, content=b"x" * 20_000)

    async def unsupported_media_type(self, headers: Headers) -> httpx.Response:
        return await self.ask("POST", "/authorizations", headers | {"Content-Type": "text/plain"}, content=b"x")

    async def too_many_requests(self, headers: Headers) -> httpx.Response:
        with self.patch.context() as patch:
            patch.setattr(self.outbox, "too_many", 60)
            return await self.api.send_code(**headers)

    async def sms_unavailable(self, headers: Headers) -> httpx.Response:
        with self.patch.context() as patch:
            patch.setattr(self.outbox, "refuses", True)
            return await self.api.send_code(**headers)

    async def internal_error(self, headers: Headers) -> httpx.Response:
        with self.patch.context() as patch:
            patch.setattr(self.api.app.ctx.authorizations, "check", None)
            return await self.ask("GET", "/authorizations", headers | bearer(TOKEN))

    async def service_unavailable(self, headers: Headers) -> httpx.Response:
        return await self.gone.post_login(MOBILE, "123456", **headers)


@pytest.fixture
async def fail(start: Start, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[Any]]:
    """Provoke a failure, by its error code."""
    guarded, gone = await start(captcha="altcha"), await start(redis_url="redis://127.0.0.1:1")
    failing = Failing(await start(service_keys="the-key-of-the-backends"), guarded, gone, outbox, monkeypatch)

    async def provoke(code: str, headers: Headers) -> httpx.Response:
        response: httpx.Response = await getattr(failing, code)(headers)
        return response

    return provoke


@pytest.mark.slow
async def test_every_failure_is_told_in_the_language_of_its_caller(fail: Callable[..., Awaitable[Any]]) -> None:
    for code in sorted(STATUS.keys() - OF_THE_CONSOLE):
        for accepted, language in ASKED.items():
            check(await fail(code, {"Accept-Language": accepted}), code, language)


HEADERS = {
    "zh-TW": "zh-CN",
    "fr, zh;q=0.5": "zh-CN",
    "en-GB, zh;q=0.9": "en",
    "zh;q=0, *": "en",
    ";;;q=, \xff\xfe": "en",
    "zh-CN," * (LONGEST // 3): "en",
    "zh-CN," * 1_700: "en",  # 10 kB
}


async def test_a_header_is_read_as_it_was_meant_or_passed_over(api: Api) -> None:
    for accepted, language in HEADERS.items():
        for path in ("/authorizations", "/user"):  # one is served from its bytes, one by Sanic
            headers = {"Accept-Language": accepted.encode("latin-1")}
            check(await api.request("GET", f"{BASE}{path}", headers=headers), "invalid_token", language)


async def test_two_requests_on_one_connection_are_answered_each_in_its_language(api: Api) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{api.port}{BASE}", trust_env=False) as client:
        for path in ("/authorizations", "/user") * 2:
            for language in ("zh-CN", "en", "zh-CN"):
                check(await client.get(path, headers={"Accept-Language": language}), "invalid_token", language)


async def test_who_asks_for_none_that_there_is_is_answered_in_the_default(start: Start, outbox: Outbox) -> None:
    api = await start(default_language="zh-CN")
    for accepted, language in (("", "zh-CN"), ("fr", "zh-CN"), ("en", "en")):
        check(await api.refresh(TOKEN, **{"Accept-Language": accepted}), "invalid_refresh_token", language)
        await api.send_code(OTHER, **{"Accept-Language": accepted})
        assert outbox.messages[-1].language == language
    ready = await api.request("GET", "/readyz")
    assert (ready.status_code, "content-language" in ready.headers) == (200, False)
    api.app.ctx.admission.stopping = True
    check(await api.request("GET", "/readyz"), "service_unavailable", "zh-CN")


async def test_what_is_well_says_ok_in_every_language(api: Api) -> None:
    token = (await api.log_in(**{"Accept-Language": "zh-CN"}))["token"]
    response = await api.request("GET", f"{BASE}/authorizations", headers={**bearer(token), "Accept-Language": "zh-CN"})
    assert response.json()["message"] == "ok"
    assert "content-language" not in response.headers


BROKEN = [
    ("nonsense\r\n\r\n", 400),
    (f"GET / HTTP/1.1\r\nHost: x\r\nX: {'x' * 40_000}\r\n\r\n", 431),
]


async def test_what_is_no_request_is_answered_in_the_default(start: Start) -> None:
    for default in ("en", "zh-CN"):
        api = await start(default_language=default)
        for sent, status in BROKEN:
            spoken = await raw(api, sent)
            assert (spoken[0], spoken[1]["content-language"]) == (status, default)
            assert is_chinese(orjson.loads(spoken[2])["message"]) is (default == "zh-CN")


async def test_whose_head_was_read_is_answered_in_its_language(
    start: Start, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = await start(max_in_flight=1)
    head = SEND + "Accept-Language: zh\r\n"
    too_large = await raw(api, f"{head}Content-Length: 20000\r\n\r\n")
    async with full(api, outbox):
        shed = await raw(api, f"{head}Content-Length: 2\r\n\r\n{{}}")
        shed_head = await heard(api, f"HEAD {BASE}/sms/codes HTTP/1.1\r\nHost: x\r\nAccept-Language: zh\r\n\r\n")
    for (status, headers, body), code in ((too_large, "payload_too_large"), (shed, "service_unavailable")):
        assert (status, headers["content-language"]) == (STATUS[code], "zh-CN")
        told = orjson.loads(body)
        assert (told["error"], is_chinese(told["message"])) == (code, True)
        assert int(headers["content-length"]) == len(body)
    assert shed_head.startswith("HTTP/1.1 503")
    assert shed_head.endswith("\r\n\r\n")


async def heard(api: Api, sent: str) -> str:
    """The answer to a request without a body, for as long as the server has something to say."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(sent.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write_eof()
    rest = await reader.read()
    writer.close()
    return (head + rest).decode()


async def test_a_full_house_says_so_in_the_default(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    api = await start(max_connections=8, default_language="zh-CN")
    monkeypatch.setattr(timed_protocol, "FRESH", 3600)
    writers = [(await asyncio.open_connection("127.0.0.1", api.port))[1] for _ in range(8)]
    status, headers, body = await raw(api)
    for writer in writers:
        writer.close()
    assert (status, headers["content-language"]) == (503, "zh-CN")
    assert is_chinese(orjson.loads(body)["message"])


async def test_a_code_is_sent_in_the_language_of_whoever_asks_and_stays_the_same(api: Api, outbox: Outbox) -> None:
    for language, word in (("zh-CN", "登录验证码"), ("en", "is your login code"), ("zh-CN", "登录验证码")):
        headers = {"Accept-Language": language}
        assert (await api.send_code(**headers)).status_code == 200
        assert (await api.request("GET", f"{BASE}/sms/codes/{MOBILE}", headers=headers)).status_code == 200
        for message in outbox.messages[-2:]:
            assert (message.language, word in message.text) == (language, True)
            assert message.code in message.text
    assert len({message.code for message in outbox.messages}) == 1


async def test_each_purpose_is_named_in_the_language_of_whoever_asks(api: Api, outbox: Outbox) -> None:
    token = (await api.log_in())["token"]
    for purpose, word in (("change", "更换手机号"), ("erase", "注销账号")):
        assert (await api.send_code(purpose=purpose, **bearer(token), **{"Accept-Language": "zh"})).status_code == 200
        assert word in outbox.messages[-1].text


async def test_what_is_logged_and_counted_stays_english(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    headers = {"Accept-Language": "zh-CN"}
    await api.post_login(MOBILE, "000000", **headers)
    await api.send_code("no", **headers)
    await api.refresh(TOKEN, **headers)
    assert "login_refused" in caplog.text
    assert not is_chinese(caplog.text)
    assert not is_chinese((await api.request("GET", "/metrics")).text)
