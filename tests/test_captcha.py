"""The captcha before a code is sent, against a stand-in provider on a real socket."""

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

import config
from service.captchas.siteverify import LONGEST, SITEVERIFY, SiteVerify
from service.errors import InvalidRequest, ServiceUnavailable
from tests.api.test_limits import spent, wait_of
from tests.api.test_openapi import resolved
from tests.client import BASE, MOBILE, Api, error
from tests.conftest import Clock, Outbox, Start

pytestmark = pytest.mark.slow

SECRET = "0x4AAAAAAA-made-up-secret"
GOOD = "0.solved-by-a-person"
BAD = "0.made-up-by-a-script"
IP = "203.0.113.7"
PROVIDERS = ["turnstile", "hcaptcha"]
# As the providers document them.
ACCEPTED = {
    "turnstile": {
        "success": True,
        "challenge_ts": "2026-01-01T00:00:00.000Z",
        "hostname": "app.example.com",
        "error-codes": [],
        "action": "login",
        "cdata": "",
    },
    "hcaptcha": {
        "success": True,
        "challenge_ts": "2026-01-01T00:00:00.000000Z",
        "hostname": "app.example.com",
        "credit": False,
    },
}
REFUSED = [
    ("turnstile", ["missing-input-response"]),
    ("turnstile", ["invalid-input-response"]),
    ("turnstile", ["timeout-or-duplicate"]),
    ("turnstile", []),
    ("hcaptcha", ["missing-input-response"]),
    ("hcaptcha", ["invalid-input-response"]),
    ("hcaptcha", ["expired-input-response"]),
    ("hcaptcha", ["already-seen-response"]),
    ("hcaptcha", ["invalid-or-already-seen-response"]),
]
NOT_THE_TOKEN = [
    ("turnstile", ["missing-input-secret"]),
    ("turnstile", ["invalid-input-secret"]),
    ("turnstile", ["bad-request"]),
    ("turnstile", ["internal-error"]),
    ("turnstile", ["invalid-input-response", "invalid-input-secret"]),
    ("hcaptcha", ["missing-input-secret"]),
    ("hcaptcha", ["invalid-input-secret"]),
    ("hcaptcha", ["bad-request"]),
    ("hcaptcha", ["not-using-dummy-passcode"]),
    ("hcaptcha", ["sitekey-secret-mismatch"]),
    ("hcaptcha", ["a-code-of-next-year"]),
]


def http(body: bytes | str | dict[str, Any], status: str = "200 OK", *head: str) -> bytes:
    """An answer as it goes over the wire."""
    content = json.dumps(body).encode() if isinstance(body, dict) else body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Content-Type: application/json", *head, "", ""]
    return "\r\n".join(lines).encode() + content


def faulty(*codes: str) -> bytes:
    return http({"success": False, "error-codes": list(codes)})


@dataclass
class Provider:
    """Judges tokens as a siteverify does, or answers what it is told to. `pace` is in seconds between two bytes."""

    url: str = ""
    forms: list[dict[str, str]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    connections: int = 0
    answer: bytes | None = None
    hangs: bool = False
    hangs_up: bool = False
    pace: float = 0.0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
                self.heads.append(head)
                self.forms.append(dict(parse_qsl((await reader.readexactly(length)).decode(), strict_parsing=True)))
                if self.hangs:
                    await reader.read()
                answer = self.verdict() if self.answer is None else self.answer
                for piece in [answer[at : at + 1] for at in range(len(answer))] if self.pace else [answer]:
                    writer.write(piece)
                    await asyncio.sleep(self.pace)
                if self.hangs_up or self.hangs:
                    break
        writer.close()

    def verdict(self) -> bytes:
        *earlier, form = self.forms
        if form.get("secret") != SECRET:
            return faulty("invalid-input-secret")
        if form["response"] != GOOD:
            return faulty("invalid-input-response")
        if GOOD in [other["response"] for other in earlier]:
            return faulty("timeout-or-duplicate")
        return http(ACCEPTED["turnstile"])

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
async def provider(loop: Any) -> AsyncIterator[Provider]:
    stand_in = Provider()
    server = await asyncio.start_server(stand_in.serve, "127.0.0.1", 0)
    stand_in.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/siteverify"
    yield stand_in
    server.close()
    await stand_in.close()
    await server.wait_closed()


Make = Callable[..., SiteVerify]


@pytest.fixture
async def make(provider: Provider) -> AsyncIterator[Make]:
    """A captcha that asks the stand-in. Settings that are passed win."""
    made: list[SiteVerify] = []

    def maker(name: str = "turnstile", **overrides: Any) -> SiteVerify:
        values = {"captcha": name, "captcha_secret": SECRET, "captcha_url": provider.url, **overrides}
        made.append(SiteVerify(config.load(_env_file=None, **values)))
        return made[-1]

    yield maker
    for captcha in made:
        await captcha.close()


async def refusal(captcha: SiteVerify, token: str) -> str:
    with pytest.raises(InvalidRequest) as refused:
        await captcha.verify(token, IP)
    assert set(refused.value.fields) == {"captcha_token"}
    return refused.value.fields["captcha_token"]


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name == "service.captchas.siteverify"
    ]


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("name", PROVIDERS)
async def test_the_provider_gets_a_form_with_secret_token_and_address(
    make: Make, provider: Provider, name: str
) -> None:
    provider.answer = http(ACCEPTED[name])
    await make(name).verify(GOOD, IP)
    assert provider.forms == [{"secret": SECRET, "response": GOOD, "remoteip": IP}]
    [head] = provider.heads
    assert head.startswith("post /siteverify http/1.1\r\n")
    assert "content-type: application/x-www-form-urlencoded\r\n" in head


async def test_an_address_that_is_not_known_is_not_sent(make: Make, provider: Provider) -> None:
    await make().verify(GOOD, "unknown")
    assert provider.forms == [{"secret": SECRET, "response": GOOD}]


async def test_a_token_is_form_encoded(make: Make, provider: Provider) -> None:
    await refusal(make(), "a&secret=b +%00=")
    assert provider.forms == [{"secret": SECRET, "response": "a&secret=b +%00=", "remoteip": IP}]


@pytest.mark.parametrize("name", PROVIDERS)
async def test_without_an_address_of_its_own_it_asks_at_the_provider(make: Make, name: str) -> None:
    assert str(make(name, captcha_url="").url) == SITEVERIFY[name]
    assert SITEVERIFY[name].startswith("https://")


async def test_one_connection_serves_many(make: Make, provider: Provider) -> None:
    captcha = make()
    for _ in range(3):
        await refusal(captcha, BAD)
    assert (provider.connections, len(provider.forms)) == (1, 3)


@pytest.mark.parametrize("name", PROVIDERS)
async def test_what_cannot_be_a_token_is_refused_unasked(make: Make, provider: Provider, name: str) -> None:
    captcha = make(name)
    assert await refusal(captcha, "") == "is missing"
    assert await refusal(captcha, "x" * (LONGEST[name] + 1)) == "is too long"
    assert await refusal(captcha, "０.solved") == "was not accepted; solve the captcha again"
    assert provider.forms == []
    assert await refusal(captcha, "x" * LONGEST[name]) == "was not accepted; solve the captcha again"
    assert len(provider.forms) == 1


@pytest.mark.parametrize(("name", "codes"), REFUSED)
async def test_a_token_that_the_provider_refuses_is_the_clients_fault(
    make: Make, provider: Provider, caplog: pytest.LogCaptureFixture, name: str, codes: list[str]
) -> None:
    provider.answer = faulty(*codes)
    assert await refusal(make(name), BAD) == "was not accepted; solve the captcha again"
    assert told(caplog) == []


@pytest.mark.parametrize(("name", "codes"), NOT_THE_TOKEN)
async def test_any_other_refusal_is_ours_and_logged_with_its_code(
    make: Make, provider: Provider, caplog: pytest.LogCaptureFixture, name: str, codes: list[str]
) -> None:
    provider.answer = faulty(*codes)
    with pytest.raises(ServiceUnavailable):
        await make(name).verify(GOOD, IP)
    assert told(caplog) == [("ERROR", f"captcha: {name} does not take our requests: {', '.join(codes)}")]


@pytest.mark.parametrize("codes", [[SECRET], "invalid-input-secret", {"a": 1}, [{"a": 1}], [None]])
async def test_codes_of_another_shape_fail_closed(
    make: Make, provider: Provider, caplog: pytest.LogCaptureFixture, codes: Any
) -> None:
    provider.answer = http({"success": False, "error-codes": codes})
    with pytest.raises(ServiceUnavailable):
        await make().verify(GOOD, IP)
    [(level, line)] = told(caplog)
    assert level == "ERROR"
    assert SECRET not in line


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        pytest.param(http("<html>Oops</html>", "500 Internal Server Error"), "500", id="HTML 500"),
        pytest.param(http("<html>Welcome</html>"), "200", id="HTML 200"),
        pytest.param(http(ACCEPTED["turnstile"], "500 Internal Server Error"), "500", id="success with 500"),
        pytest.param(http(ACCEPTED["turnstile"], "202 Accepted"), "202", id="success with 202"),
        pytest.param(http(""), "200", id="nothing"),
        pytest.param(http("[true]"), "200", id="a list"),
        pytest.param(http("{}"), "200", id="an empty object"),
        pytest.param(http({"success": "true"}), "200", id="a string for a verdict"),
        pytest.param(http({"success": 1}), "200", id="a number for a verdict"),
        pytest.param(http(b"\xff\xfe"), "200", id="no text"),
        pytest.param(http("[" * 5000), "200", id="nested too deep"),
        pytest.param(
            http({"success": False, "error-codes": ["invalid-input-secret"]}, "400 Bad Request"),
            "400, invalid-input-secret",
            id="our secret with 400",
        ),
    ],
)
async def test_an_answer_that_is_no_verdict_fails_closed(
    make: Make, provider: Provider, caplog: pytest.LogCaptureFixture, answer: bytes, named: str
) -> None:
    provider.answer = answer
    with pytest.raises(ServiceUnavailable):
        await make().verify(GOOD, IP)
    [(level, line)] = told(caplog)
    assert level == "ERROR"
    assert f"no verdict from turnstile: status {named}" in line


async def test_a_redirect_is_not_followed(make: Make, provider: Provider) -> None:
    provider.answer = http("", "307 Temporary Redirect", f"Location: {provider.url}/elsewhere")
    with pytest.raises(ServiceUnavailable):
        await make().verify(GOOD, IP)
    assert len(provider.forms) == 1


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", http(ACCEPTED["turnstile"])[:-1]])
async def test_a_connection_that_breaks_fails_closed_and_is_not_tried_again(
    make: Make, provider: Provider, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    provider.answer, provider.hangs_up = answer, True
    with pytest.raises(ServiceUnavailable):
        await make().verify(GOOD, IP)
    assert told(caplog) == [("WARNING", "captcha: no answer from turnstile: RemoteProtocolError")]
    assert len(provider.forms) == 1


async def test_a_closed_port_fails_closed(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ServiceUnavailable):
        await make(captcha_url=f"http://127.0.0.1:{unused_port()}/").verify(GOOD, IP)
    assert told(caplog) == [("WARNING", "captcha: no answer from turnstile: ConnectError")]


@pytest.mark.parametrize(("hangs", "pace"), [(True, 0.0), (False, 0.05)], ids=["silent", "a byte at a time"])
async def test_the_time_limit_is_on_the_whole_call(
    make: Make, provider: Provider, caplog: pytest.LogCaptureFixture, *, hangs: bool, pace: float
) -> None:
    provider.hangs, provider.pace = hangs, pace
    started = asyncio.get_running_loop().time()
    with pytest.raises(ServiceUnavailable):
        await make(captcha_timeout=0.2).verify(GOOD, IP)
    assert 0.15 < asyncio.get_running_loop().time() - started < 2
    assert told(caplog) == [("WARNING", "captcha: no answer from turnstile: TimeoutError")]


async def test_after_a_broken_call_the_next_one_is_good(make: Make, provider: Provider) -> None:
    captcha = make(captcha_timeout=0.2)
    provider.hangs = True
    with pytest.raises(ServiceUnavailable):
        await captcha.verify("0.lost", IP)
    provider.hangs = False
    await captcha.verify(GOOD, IP)


# Through the app.

Ask = Callable[..., Awaitable[httpx.Response]]


def asked_by(method: str, api: Api) -> Ask:
    """Ask for a code in one of the two ways."""

    async def ask(mobile: str = MOBILE, **token: str) -> httpx.Response:
        if method == "GET":
            return await api.request("GET", f"{BASE}/sms/codes/{mobile}", params=token)
        return await api.request("POST", f"{BASE}/sms/codes", json={"mobile": mobile, **token})

    return ask


@pytest.fixture
async def gated(start: Start, provider: Provider) -> Callable[..., Awaitable[Api]]:
    async def starter(**overrides: Any) -> Api:
        return await start(
            **{"captcha": "turnstile", "captcha_secret": SECRET, "captcha_url": provider.url, **overrides}
        )

    return starter


Gated = Callable[..., Awaitable[Api]]
both_routes = pytest.mark.parametrize("method", ["GET", "POST"])


@both_routes
async def test_a_good_token_sends_a_code_once(gated: Gated, provider: Provider, outbox: Outbox, method: str) -> None:
    ask = asked_by(method, await gated())
    assert (await ask(captcha_token=GOOD)).status_code == 200
    assert [message.mobile for message in outbox.messages] == [MOBILE]
    assert provider.forms == [{"secret": SECRET, "response": GOOD, "remoteip": "127.0.0.1"}]
    assert error(await ask(captcha_token=GOOD)) == (400, "invalid_request")
    assert len(outbox.messages) == 1


@both_routes
@pytest.mark.parametrize("token", [{}, {"captcha_token": ""}], ids=["none", "empty"])
async def test_without_a_token_nothing_is_sent_and_it_costs_nothing(
    gated: Gated, redis: Any, provider: Provider, outbox: Outbox, method: str, token: dict[str, str]
) -> None:
    api = await gated(limit_codes_per_ip="1/hour")
    for _ in range(3):
        assert error(await asked_by(method, api)(**token)) == (403, "captcha_required")
    assert (provider.forms, outbox.messages, await spent(redis)) == ([], [], {})


@both_routes
async def test_a_token_that_is_too_long_is_named(gated: Gated, provider: Provider, outbox: Outbox, method: str) -> None:
    response = await asked_by(method, await gated())(captcha_token="x" * 2049)
    assert error(response) == (400, "invalid_request")
    assert response.json()["fields"] == {"captcha_token": "is too long"}
    assert (provider.forms, outbox.messages) == ([], [])


@both_routes
async def test_the_addresss_budget_comes_before_the_captcha(gated: Gated, provider: Provider, method: str) -> None:
    ask = asked_by(method, await gated(limit_codes_per_ip="2/hour"))
    for _ in range(2):
        assert error(await ask(captcha_token=BAD)) == (400, "invalid_request")
    for token in ({}, {"captcha_token": BAD}, {"captcha_token": GOOD}):
        assert wait_of(await ask(**token)) == 3601
    assert len(provider.forms) == 2


@both_routes
async def test_the_captcha_comes_before_all_that_is_asked_of_a_number(gated: Gated, method: str) -> None:
    api = await gated(limit_code_cooldown="60", sms_block_prefixes="170", test_codes="13900139000=246810")
    ask = asked_by(method, api)
    assert (await ask(captcha_token=GOOD)).status_code == 200
    for mobile in (MOBILE, "17012345678", "13900139000", "15012345678"):
        assert error(await ask(mobile)) == (403, "captcha_required"), mobile
        response = await ask(mobile, captcha_token=BAD)
        assert error(response) == (400, "invalid_request")
        assert set(response.json()["fields"]) == {"captcha_token"}


@both_routes
async def test_both_bad_fields_are_named_at_once(gated: Gated, method: str) -> None:
    response = await asked_by(method, await gated())("12345", captcha_token="x" * 2049)
    assert error(response) == (400, "invalid_request")
    assert set(response.json()["fields"]) == {"mobile", "captcha_token"}


@both_routes
async def test_a_malformed_number_does_not_use_up_the_token(
    gated: Gated, provider: Provider, outbox: Outbox, method: str
) -> None:
    ask = asked_by(method, await gated())
    assert set((await ask("12345", captcha_token=GOOD)).json()["fields"]) == {"mobile"}
    assert provider.forms == []
    assert (await ask(captcha_token=GOOD)).status_code == 200
    assert len(outbox.messages) == 1


@pytest.mark.parametrize("token", [None, 1, True, [GOOD], {"token": GOOD}])
async def test_a_token_in_the_body_is_a_string(gated: Gated, provider: Provider, token: Any) -> None:
    api = await gated()
    response = await api.request("POST", f"{BASE}/sms/codes", json={"mobile": MOBILE, "captcha_token": token})
    assert error(response) == (400, "invalid_request")
    assert response.json()["fields"] == {"captcha_token": "should be a string"}
    assert provider.forms == []


async def test_the_number_in_the_address_is_the_one_that_counts(gated: Gated, outbox: Outbox) -> None:
    api = await gated()
    query = {"mobile": "13900139000", "captcha_token": GOOD}
    assert (await api.request("GET", f"{BASE}/sms/codes/{MOBILE}", params=query)).status_code == 200
    assert [message.mobile for message in outbox.messages] == [MOBILE]


@both_routes
async def test_a_refused_token_sends_nothing(gated: Gated, outbox: Outbox, method: str) -> None:
    response = await asked_by(method, await gated())(captcha_token=BAD)
    assert error(response) == (400, "invalid_request")
    assert response.json()["fields"] == {"captcha_token": "was not accepted; solve the captcha again"}
    assert outbox.messages == []


@both_routes
@pytest.mark.parametrize(
    "trouble",
    [{"captcha_secret": "another"}, {"captcha_url": f"http://127.0.0.1:{unused_port()}/"}],
    ids=["wrong secret", "provider down"],
)
async def test_without_a_verdict_nothing_is_sent(
    gated: Gated, outbox: Outbox, method: str, trouble: dict[str, str]
) -> None:
    response = await asked_by(method, await gated(**trouble))(captcha_token=GOOD)
    assert error(response) == (503, "service_unavailable")
    assert response.headers["retry-after"] == "1"
    assert outbox.messages == []


async def test_the_provider_hears_the_address_of_the_client_not_of_the_proxy(gated: Gated, provider: Provider) -> None:
    api = await gated(trusted_proxies=1)
    headers = {"X-Forwarded-For": f"198.51.100.1, {IP}"}
    body = {"mobile": MOBILE, "captcha_token": GOOD}
    assert (await api.request("POST", f"{BASE}/sms/codes", json=body, headers=headers)).status_code == 200
    assert provider.forms[0]["remoteip"] == IP


@pytest.fixture
def listen(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], None]]:
    """Listens at DEBUG from its call on: an app that starts takes all other handlers away."""
    root = logging.getLogger()

    def listener() -> None:
        root.addHandler(caplog.handler)
        root.setLevel(logging.DEBUG)

    yield listener
    root.removeHandler(caplog.handler)


def said_by_the_app(record: logging.LogRecord) -> bool:
    """Our own client logs the addresses that it asks for."""
    return record.name != "httpx" or BASE not in record.getMessage()


@both_routes
async def test_neither_token_nor_secret_is_logged(
    gated: Gated, provider: Provider, listen: Callable[[], None], caplog: pytest.LogCaptureFixture, method: str
) -> None:
    ask = asked_by(method, await gated())
    listen()
    statuses = [(await ask(captcha_token=token)).status_code for token in (GOOD, BAD)]
    for answer in (faulty("invalid-input-secret"), faulty(SECRET, GOOD), http(f"<p>{SECRET} {GOOD}</p>"), b""):
        provider.answer, provider.hangs_up = answer, not answer
        statuses.append((await ask(captcha_token=GOOD)).status_code)
    assert statuses == [200, 400, 503, 503, 503, 503]
    assert len(told(caplog)) == 4
    records = [record for record in caplog.records if said_by_the_app(record)]
    assert "service.access" in {record.name for record in records}
    written = repr([(record.getMessage(), vars(record)) for record in records])
    for hidden in (SECRET, GOOD, BAD):
        assert hidden not in written


# Only while the conversion guard is closed.

GUARDED = {"captcha_when": "guarded", "sms_min_conversion": 0.5, "sms_conversion_min_sent": 2}


async def log_in_by(ask: Ask, api: Api, outbox: Outbox, mobile: str) -> None:
    assert (await ask(mobile)).status_code == 200
    assert (await api.post_login(mobile, outbox.code(mobile))).status_code == 200
    await api.app.ctx.codes.settle()


@both_routes
async def test_guarded_it_is_asked_for_only_while_the_guard_is_closed_and_lets_everybody_through(
    gated: Gated, provider: Provider, outbox: Outbox, clock: Clock, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    api = await gated(**GUARDED)
    ask = asked_by(method, api)
    known = "17000000008"
    await log_in_by(ask, api, outbox, known)
    for n in range(2):  # which nobody uses
        assert (await ask(f"1700000000{n}", captcha_token=BAD)).status_code == 200
    assert provider.forms == []
    for mobile in (known, "17000000009"):  # known or not
        assert error(await ask(mobile)) == (403, "captcha_required")
    assert "no more codes without a captcha, prefix 1700000: of 3 sent within an hour 1 were used" in caplog.text
    metrics = (await api.request("GET", "/metrics")).text
    assert 'latch_limit_hits_total{limit="conversion"} 2.0' in metrics
    assert error(await ask("17000000009", captcha_token=BAD)) == (400, "invalid_request")
    provider.answer = http(ACCEPTED["turnstile"])
    for mobile in (known, "17000000009", "17000000010"):
        assert (await ask(mobile, captcha_token=GOOD)).status_code == 200, mobile
    clock.wait(3600)
    assert (await ask("17000000011")).status_code == 200


async def test_guarded_the_addresss_budget_comes_first(gated: Gated, provider: Provider) -> None:
    api = await gated(**GUARDED, limit_codes_per_ip="2/hour")
    for n in range(2):
        await api.send_code(f"1700000000{n}")
    for mobile in (MOBILE, "17000000009"):
        assert wait_of(await api.send_code(mobile)) == 3601
    assert provider.forms == []


async def test_always_a_solved_captcha_does_not_open_the_guard(gated: Gated, provider: Provider) -> None:
    """Whoever pumps solves captchas already: that one is solved says nothing new."""
    ask = asked_by("POST", await gated(**{**GUARDED, "captcha_when": "always"}))
    provider.answer = http(ACCEPTED["turnstile"])
    for n in range(2):
        assert (await ask(f"1700000000{n}", captcha_token=GOOD)).status_code == 200
    assert error(await ask("17000000009")) == (403, "captcha_required")
    assert wait_of(await ask("17000000009", captcha_token=GOOD)) == 60


async def test_off_it_is_not_there_and_the_token_is_ignored(api: Api, outbox: Outbox) -> None:
    assert api.app.ctx.captcha is None
    for token in (GOOD, 1, None, "x" * 5000):
        body = {"mobile": MOBILE, "captcha_token": token}
        assert (await api.request("POST", f"{BASE}/sms/codes", json=body)).status_code == 200
    address = f"{BASE}/sms/codes/{MOBILE}"
    assert (await api.request("GET", address, params={"captcha_token": "x" * 3000})).status_code == 200
    assert len(outbox.messages) == 5


async def test_it_is_closed_when_the_server_stops(gated: Gated, provider: Provider) -> None:
    api = await gated()
    captcha = api.app.ctx.captcha
    provider.answer = http(ACCEPTED["turnstile"])
    await captcha.verify(GOOD, IP)
    await api.stop()
    with pytest.raises(RuntimeError, match="client has been closed"):
        await captcha.verify(GOOD, IP)


async def test_the_document_offers_the_token_without_requiring_it(api: Api) -> None:
    document = (await api.request("GET", "/docs/openapi.json")).json()
    paths = document["paths"]
    body = next(item["post"] for path, item in paths.items() if path.rstrip("/").endswith("/sms/codes"))
    schema = resolved(document, body["requestBody"]["content"]["application/json"]["schema"])
    assert schema["properties"]["captcha_token"]["description"]
    assert schema["required"] == ["mobile"]
    by_address = next(item["get"] for path, item in paths.items() if path.endswith("/sms/codes/{mobile}"))
    parameters = [resolved(document, one) for one in by_address["parameters"]]
    [parameter] = [one for one in parameters if one["name"] == "captcha_token"]
    assert (parameter["in"], parameter["required"]) == ("query", False)
    assert parameter["description"]
