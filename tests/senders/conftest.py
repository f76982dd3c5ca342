"""A local HTTP server in the place of each provider, and senders that speak to it by the providers' own SDKs."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import config
from config import Settings
from service.messages import Notice, TextMessage
from service.observability import logs
from service.senders.aliyun import AliyunSender
from service.senders.failover import Sender
from service.senders.tencent import TencentSender
from service.senders.twilio import TwilioSender
from service.senders.webhook import WebhookSender

MOBILE, CODE = "13800138000", "048213"
MESSAGE = TextMessage(MOBILE, CODE, f"{CODE} is your login code.", 5)
NOTED = Notice(MOBILE, "Your number was changed.")
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"a key of thirty-two bytes exactly").decode()
SECRETS = {
    "webhook_secret": WEBHOOK_SECRET,
    "aliyun_access_key_secret": "hush-aliyun",
    "tencent_secret_key": "hush-tencent",
    "twilio_auth_token": "hush-twilio",
}
HTML = "<html><body>Bad Gateway</body></html>"
NAMES = ("webhook", "aliyun", "tencent", "twilio")

Make = Callable[..., Sender]


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return one_of_each(urlsplit(self.target).query)

    @property
    def form(self) -> dict[str, str]:
        return one_of_each(self.body.decode())


def one_of_each(encoded: str) -> dict[str, str]:
    values = parse_qs(encoded, keep_blank_values=True, strict_parsing=True)
    assert all(len(value) == 1 for value in values.values())
    return {name: value for name, [value] in values.items()}


@dataclass
class Provider:
    """What stands for a provider: keeps what it is sent and answers what it is told to, or hangs, or hangs up."""

    port: int = 0
    status: int = 200
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    behaviour: str = "answer"
    received: list[Received] = field(default_factory=list)

    def answers(self, body: Any, status: int = 200, **headers: str) -> None:
        self.body = body if isinstance(body, str) else json.dumps(body)
        self.status = status
        kind = "text/html" if self.body == HTML else "application/json"
        self.headers = {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}

    @property
    def last(self) -> Received:
        return self.received[-1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.behaviour != "hang up":
                self.received.append(await read(reader))
            if self.behaviour == "hang":
                await asyncio.sleep(30)
            if self.behaviour == "answer":
                body = self.body.encode()
                head = {**self.headers, "Content-Length": str(len(body)), "Connection": "close"}
                lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
                writer.write(f"HTTP/1.1 {self.status} Whatever\r\n{lines}\r\n".encode() + body)
                await writer.drain()
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()


async def read(reader: asyncio.StreamReader) -> Received:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Received(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@pytest.fixture
async def provider(loop: Any) -> AsyncIterator[Provider]:
    made = Provider()
    tasks: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(made.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    running = set(tasks)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "TWILIO_EDGE", "TWILIO_REGION"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(autouse=True)
def _nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Of every test here, with all libraries at their most talkative."""
    for name, least in logs.TALKATIVE.items():
        caplog.set_level(least, name)
    caplog.set_level(logging.DEBUG)  # last: each of these sets the level of the handler, too
    yield
    said = "\n".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.get_records("call"))
    for secret in (MOBILE, CODE, "hush-token", WEBHOOK_SECRET.removeprefix("whsec_"), *SECRETS.values()):
        assert secret not in said


def settings_for(**overrides: Any) -> Settings:
    values: dict[str, Any] = {
        "_env_file": None,
        "webhook_url": "http://127.0.0.1:1/sms?token=hush-token",
        "aliyun_access_key_id": "LTAI5t",
        "aliyun_sign_name": "拉奇",
        "aliyun_template_code": "SMS_154950909",
        "tencent_secret_id": "AKIDz8",
        "tencent_sdk_app_id": "1400006666",
        "tencent_sign_name": "拉奇",
        "tencent_template_id": "1110",
        "twilio_account_sid": "AC" + "0" * 32,
        "twilio_from": "+15557122661",
        "sms_timeout": 2.0,
        **SECRETS,
        **overrides,
    }
    return config.load(**values)


def sender_for(name: str, port: int, **overrides: Any) -> Any:
    """A sender of this name whose provider is at a local port."""
    host = f"127.0.0.1:{port}"
    if name == "webhook":
        return WebhookSender(settings_for(**{"webhook_url": f"http://{host}/sms?token=hush-token", **overrides}))
    if name == "aliyun":
        return AliyunSender(settings_for(aliyun_endpoint=host, **overrides), protocol="http")
    if name == "tencent":
        return TencentSender(settings_for(tencent_endpoint=host, **overrides), protocol="http")
    return TwilioSender(settings_for(**overrides), api=f"http://{host}")


@pytest.fixture
async def make(provider: Provider) -> AsyncIterator[Make]:
    """Make a sender by name that speaks to the local provider; it is closed after the test."""
    made: list[Any] = []

    def maker(name: str, **overrides: Any) -> Sender:
        sender: Sender = sender_for(name, provider.port, **overrides)
        made.append(sender)
        return sender

    yield maker
    for sender in made:
        if hasattr(sender, "close"):
            await sender.close()
