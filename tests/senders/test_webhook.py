"""The operator's own gateway, received as docs/sms.md shows: what the page says is what is run here."""

import asyncio
import http.server
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from service.errors import SmsUnavailable, TooManyRequests
from service.senders.webhook import WebhookSender
from tests.senders.conftest import CODE, MESSAGE, MOBILE, NOTED, WEBHOOK_SECRET, Make, Provider, settings_for

PAGE = (Path(__file__).parent.parent.parent / "docs" / "sms.md").read_text(encoding="utf-8")
[RECEIVER] = re.findall(r"<!-- tests/senders/test_webhook.py runs this -->\n```python\n(.*?)```", PAGE, re.DOTALL)
OTHER_SECRET = "whsec_" + "A" * 44

Received = list[tuple[str, str]]
Receive = Callable[[str], tuple[str, Received]]


@pytest.fixture
async def receive(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receive]:
    """Run the receiver of the page with a secret: its URL, and the messages that it took."""
    servers: list[HTTPServer] = []

    class AnyPort(HTTPServer):
        def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
            super().__init__((address[0], 0), handler)
            servers.append(self)

        def serve_forever(self, poll_interval: float = 0.01) -> None:
            super().serve_forever(poll_interval)

    monkeypatch.setattr(http.server, "HTTPServer", AnyPort)
    monkeypatch.setattr(BaseHTTPRequestHandler, "log_message", lambda *_: None)

    def run(secret: str) -> tuple[str, Received]:
        taken: Received = []
        names: dict[str, Any] = {"hand_to_my_gateway": lambda mobile, text: taken.append((mobile, text))}
        monkeypatch.setenv("WEBHOOK_SECRET", secret)
        begun = len(servers)
        Thread(target=exec, args=(RECEIVER, names), daemon=True).start()
        while len(servers) == begun:
            time.sleep(0.001)
        return f"http://127.0.0.1:{servers[-1].server_port}/", taken

    yield run
    for server in servers:
        server.shutdown()
        server.server_close()


async def send_to(url: str, secret: str = WEBHOOK_SECRET) -> None:
    sender = WebhookSender(settings_for(webhook_url=url, webhook_secret=secret))
    try:
        await sender.send(MESSAGE)
    finally:
        await sender.close()


async def test_the_receiver_of_the_page_takes_a_message(receive: Receive) -> None:
    url, taken = receive(WEBHOOK_SECRET)
    await send_to(url)
    assert taken == [(MOBILE, MESSAGE.text)]


async def test_the_receiver_of_the_page_refuses_what_another_secret_signed(receive: Receive) -> None:
    url, taken = receive(OTHER_SECRET)
    with pytest.raises(SmsUnavailable) as caught:
        await send_to(url)
    assert caught.value.reason == "status 401"
    assert not taken


def test_the_receiver_of_the_page_is_short() -> None:
    assert len([line for line in RECEIVER.splitlines() if line.strip()]) <= 20


async def test_the_request_is_a_signed_event(make: Make, provider: Provider) -> None:
    await make("webhook").send(MESSAGE)
    request = provider.last
    assert (request.method, request.target) == ("POST", "/sms?token=hush-token")
    assert request.headers["content-type"] == "application/json"
    event = Webhook(WEBHOOK_SECRET).verify(request.body, request.headers)
    moment = datetime.fromisoformat(event.pop("timestamp"))
    assert int(moment.timestamp()) == int(request.headers["webhook-timestamp"])
    data = {"mobile": MOBILE, "code": CODE, "text": MESSAGE.text, "minutes": 5, "purpose": "login"}
    assert event == {"type": "sms.code", "data": {**data, "language": "en"}}
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER_SECRET).verify(request.body, request.headers)


async def test_a_notice_is_an_event_of_another_type(make: Make, provider: Provider) -> None:
    await make("webhook").send(NOTED)
    event = Webhook(WEBHOOK_SECRET).verify(provider.last.body, provider.last.headers)
    assert (event["type"], event["data"]) == ("sms.notice", {"mobile": MOBILE, "text": NOTED.text, "language": "en"})


async def test_every_message_has_an_id_of_its_own(make: Make, provider: Provider) -> None:
    sender = make("webhook")
    for _ in range(2):
        await sender.send(MESSAGE)
    assert len({request.headers["webhook-id"] for request in provider.received}) == 2


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_is_accepted(make: Make, provider: Provider, status: int) -> None:
    provider.answers("", status)
    await make("webhook").send(MESSAGE)


@pytest.mark.parametrize(
    ("said", "wait"),
    [("90", 90), ("0", 60), ("-5", 60), ("", 60), ("soon", 60), ("9" * 20, 60), ("١٢", 60), ("90.5", 60)],
)
async def test_429_is_too_many_with_the_wait_that_makes_sense(
    make: Make, provider: Provider, said: str, wait: int
) -> None:
    provider.answers("", 429, Retry_After=said)
    with pytest.raises(TooManyRequests) as caught:
        await make("webhook").send(MESSAGE)
    assert caught.value.retry_after == wait


@pytest.mark.parametrize("status", [302, 307, 308, 400, 401, 404, 500, 503])
async def test_anything_else_is_a_failure_and_no_redirect_is_followed(
    make: Make, provider: Provider, status: int
) -> None:
    provider.answers("", status, Location=f"http://127.0.0.1:{provider.port}/elsewhere")
    with pytest.raises(SmsUnavailable) as caught:
        await make("webhook").send(MESSAGE)
    assert caught.value.reason == f"status {status}"
    assert len(provider.received) == 1


def test_the_example_of_the_page_is_what_is_sent() -> None:
    code, notice = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    assert set(code) == set(notice) == {"type", "timestamp", "data"}
    assert set(code["data"]) == {"mobile", "text", "language", "code", "minutes", "purpose"}
    assert (notice["type"], set(notice["data"])) == ("sms.notice", {"mobile", "text", "language"})
