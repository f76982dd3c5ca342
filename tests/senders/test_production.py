"""Where the senders go that know their provider's address: asked of a proxy, which hears it and answers nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service import senders
from service.errors import SmsUnavailable
from tests.senders.conftest import MESSAGE, settings_for

ADDRESSES = {
    "aliyun": "dysmsapi.aliyuncs.com:443",
    "tencent": "sms.tencentcloudapi.com:443",
    "twilio": "api.twilio.com:443",
}


@pytest.fixture
async def tunnels(loop: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """What HTTPS_PROXY is asked to connect to; each is refused."""
    asked: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ", 2)
        asked.append(f"{method} {target}")
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    yield asked
    server.close()


@pytest.mark.parametrize("name", ADDRESSES)
async def test_the_endpoint_is_the_production_one_over_https(name: str, tunnels: list[str]) -> None:
    sender = senders.chosen(settings_for(sms_sender=name), lambda *_: None)
    with pytest.raises(SmsUnavailable):
        await sender.send(MESSAGE)
    await senders.close(sender)
    assert tunnels == [f"CONNECT {ADDRESSES[name]}"]
