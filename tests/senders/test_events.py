"""How an event is posted: signed by each key, to an address that was judged, and within its time."""

import asyncio
import base64
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from service.commands.check_webhooks import of_webhooks
from service.senders.events import EventSender
from service.senders.signer import Signer
from service.webhook_addresses import Allowed
from service.webhooks import Attempt, OutboxEvent
from tests import certificates
from tests.senders.conftest import Provider, settings_for

OLD, NEW = b"a key of thirty-two bytes, which goes", b"another key of thirty-two bytes, to come"
EVENT = OutboxEvent("1767225600000-0", "evt_1767225600000-0", "login", "7", 1_767_225_600.25, '{"user_id":7}')
REFUSED = Attempt(None, "address not allowed")

Make = Callable[..., EventSender]


@pytest.fixture
async def make(loop: Any) -> AsyncIterator[Make]:
    made: list[EventSender] = []

    def maker(
        url: str, *, allow: tuple[str, ...] = (), keys: tuple[bytes, ...] = (OLD,), limit: float = 10
    ) -> EventSender:
        sender = EventSender(url, Signer(keys), Allowed(allow), limit=limit)
        made.append(sender)
        return sender

    yield maker
    for sender in made:
        await sender.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names lead to, each time they are asked for."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if host not in known:
            return real(host, port, *rest, **options)
        found = known[host]
        addresses = found[0].split()
        if len(found) > 1:
            found.pop(0)
        return [one for address in addresses for one in real(address, port, *rest, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


def encoded(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


async def test_whoever_has_the_old_key_or_the_new_one_can_verify_it(make: Make, provider: Provider) -> None:
    attempt = await make(f"http://127.0.0.1:{provider.port}/hook", keys=(NEW, OLD)).post(EVENT)
    assert attempt.is_taken
    for key in (OLD, NEW):
        verified = Webhook(encoded(key)).verify(provider.last.body, provider.last.headers)
        assert verified == {"type": "login", "timestamp": "2026-01-01T00:00:00.250000Z", "data": {"user_id": 7}}
    with pytest.raises(WebhookVerificationError):
        Webhook(encoded(b"x" * 32)).verify(provider.last.body, provider.last.headers)
    assert len(provider.last.headers["webhook-signature"].split(" ")) == 2


async def test_each_attempt_bears_its_own_moment_and_the_same_id(make: Make, provider: Provider) -> None:
    sender = make(f"http://127.0.0.1:{provider.port}/hook")
    for _ in range(2):
        await sender.post(EVENT)
    assert {one.headers["webhook-id"] for one in provider.received} == {"evt_1767225600000-0"}
    now = datetime.now(UTC).timestamp()
    assert all(abs(int(one.headers["webhook-timestamp"]) - now) < 60 for one in provider.received)


@pytest.mark.parametrize("addresses", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::ffff:127.0.0.1", "fd00:ec2::254"])
async def test_a_name_that_leads_to_a_private_address_is_refused(
    make: Make, names: dict[str, list[str]], addresses: str
) -> None:
    names["crm.example.com"] = [addresses]
    assert await make("https://crm.example.com/hook").post(EVENT) == REFUSED


async def test_a_name_is_refused_for_one_bad_address_among_good_ones(make: Make, names: dict[str, list[str]]) -> None:
    names["crm.example.com"] = ["8.8.8.8 10.0.0.1"]
    assert await make("https://crm.example.com/hook").post(EVENT) == REFUSED


async def test_in_clear_it_goes_to_this_machine_alone(make: Make, names: dict[str, list[str]]) -> None:
    names["localhost"] = ["8.8.8.8"]
    assert await make("http://localhost/hook").post(EVENT) == REFUSED


async def test_what_is_named_is_allowed(make: Make, names: dict[str, list[str]], provider: Provider) -> None:
    names["crm.internal"] = ["127.0.0.1"]
    url = f"https://crm.internal:{provider.port}/hook"
    for allow in ("crm.internal", "127.0.0.1", "127.0.0.0/8"):
        attempt = await make(url, allow=(allow,), limit=0.3).post(EVENT)
        assert attempt != REFUSED  # but for the provider, which speaks no TLS
        assert attempt.status is None
    assert await make(url, allow=("other.internal", "10.0.0.0/8")).post(EVENT) == REFUSED


async def test_what_was_judged_is_what_is_connected_to(
    make: Make, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name leads elsewhere the second time it is asked for, and is not asked again."""
    names["crm.example.com"] = ["8.8.8.8", "127.0.0.1"]
    asked: list[Any] = []

    async def connect(_: object, protocol: Any, host: str, port: int, **__: Any) -> Any:
        asked.append((host, port))
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", connect)
    attempt = await make("https://crm.example.com/hook").post(EVENT)
    assert attempt == Attempt(None, "ConnectionRefusedError")
    assert asked == [("8.8.8.8", 443)]
    assert names["crm.example.com"] == ["127.0.0.1"]
    assert await make("https://crm.example.com/hook").post(EVENT) == REFUSED


async def test_a_name_that_leads_nowhere_is_said_to(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    assert await make("https://crm.example.com/hook").post(EVENT) == Attempt(None, "name not found")


async def test_a_resolver_that_hangs_has_its_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(1))
    begun = time.monotonic()
    assert await make("https://crm.example.com/hook", limit=0.2).post(EVENT) == Attempt(None, "timed out")
    assert time.monotonic() - begun < 0.9


async def test_a_receiver_that_hangs_has_its_time(make: Make, provider: Provider) -> None:
    provider.behaviour = "hang"
    attempt = await make(f"http://127.0.0.1:{provider.port}/hook", limit=0.2).post(EVENT)
    assert attempt == Attempt(None, "timed out")


@asynccontextmanager
async def serving(
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """The address of a server that answers so. Nothing of it is left."""
    under_way: list[asyncio.Task[Any] | None] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.append(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls) as server:
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        finally:
            tasks = [task for task in under_way if task]
            for task in () if tls else tasks:  # TLS ends by both sides' word
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_answer_that_drips_is_cut(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its status says all; a head that drips takes the whole time of the attempt, and is a failure."""
    monkeypatch.setattr("service.senders.events.REST", (0.1, 65_536))

    async def drip(writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(head)
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    for head, expected in ((b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", Attempt(200)), (b"HT", None)):
        begun = time.monotonic()
        async with serving(partial(drip, head=head)) as url:
            attempt = await make(url, limit=0.5).post(EVENT)
        assert attempt == (expected or Attempt(None, "timed out")) or (expected is None and attempt.status is None)
        assert time.monotonic() - begun < 1


async def test_an_answer_of_any_size_is_not_read_to_its_end(make: Make) -> None:
    sent = [0]

    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent[0] += 65_536

    async with serving(flood) as url:
        assert await make(url).post(EVENT) == Attempt(200)
        assert sent[0] < 20_000_000


async def test_what_is_no_http_is_a_failure(make: Make) -> None:
    async def junk(writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n\r\n")

    async with serving(junk) as url:
        attempt = await make(url).post(EVENT)
    assert not attempt.is_taken
    assert attempt.status is None


async def taken(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    writer.close()
    await writer.wait_closed()


@pytest.fixture
def company(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A company's own authority, and what a receiver serves with that has a certificate of it, for 127.0.0.1."""
    made = certificates.make(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made.certificate, made.key)
    return made.authority, tls


@pytest.fixture
def trusted(company: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The same, and Latch is told of that authority."""
    authority, tls = company
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    return tls


async def test_by_https_a_receiver_is_trusted_by_the_authority_that_is_named(
    make: Make, trusted: ssl.SSLContext
) -> None:
    async with serving(taken, trusted) as url:
        assert await make(url).post(EVENT) == Attempt(204)


async def test_by_https_a_certificate_of_nobody_who_is_known_is_refused_and_told(
    make: Make, company: tuple[Path, ssl.SSLContext]
) -> None:
    async with serving(taken, company[1]) as url:
        attempt = await make(url).post(EVENT)
    assert attempt == Attempt(None, "certificate refused: unable to get local issuer certificate")


async def test_by_https_a_certificate_of_another_name_is_refused_and_told(make: Make, trusted: ssl.SSLContext) -> None:
    async with serving(taken, trusted) as url:
        attempt = await make(url.replace("127.0.0.1", "localhost")).post(EVENT)
    assert attempt.status is None
    assert attempt.problem.startswith(
        "certificate refused: Hostname mismatch, certificate is not valid for 'localhost'"
    )


async def test_no_proxy_of_the_environment_is_asked(
    make: Make, provider: Provider, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port}")
    assert (await make(f"http://127.0.0.1:{provider.port}/hook").post(EVENT)).is_taken


async def test_how_long_to_wait_is_told_within_bounds(make: Make, provider: Provider) -> None:
    sender = make(f"http://127.0.0.1:{provider.port}/hook")
    for said, seconds in (("7", 7.0), ("99999", 300.0), ("soon", None), ("-1", None)):
        provider.answers("{}", 503, Retry_After=said)
        assert await sender.post(EVENT) == Attempt(503, retry_after=seconds)


async def test_check_says_where_events_may_be_sent(names: dict[str, list[str]]) -> None:
    names |= {"crm.example.com": ["8.8.8.8"], "internal.example.com": ["10.0.0.1"]}
    urls = ("https://crm.example.com/hook?token=hush", "https://internal.example.com/hook")
    found = await of_webhooks(settings_for(webhook_urls=urls))
    assert [(one.level.value, one.text.partition(";")[0]) for one in found] == [
        ("ok", "webhook receiver 1 crm.example.com: may be sent events"),
        ("FAIL", "webhook receiver 2 internal.example.com: leads to an address that is not allowed"),
    ]
