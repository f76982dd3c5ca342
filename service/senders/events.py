"""Posts events to one receiver of WEBHOOK_URLS, each attempt signed anew. What becomes of it is for the caller.

httpcore's connections, without httpx or a pool around them: both together do five times the work for a request, in the
worker that serves logins, and httpx has no place for a network of one's own. They follow no redirects, and read no
proxy from the environment.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

import httpcore
import httpx
import orjson

from service import VERSION
from service.senders.judged_network import AddressRefusedError, JudgedNetwork, NameUnknownError
from service.senders.signer import Signer
from service.webhook_addresses import Allowed
from service.webhooks import Attempt, OutboxEvent, retry_after

TIMEOUT = 10.0  # seconds of an attempt, name, connection and TLS included
CONNECT_TIMEOUT = 4.0  # seconds for each address, and for TLS
IDLE = 4.0  # seconds that a connection is kept: less than Node's and uvicorn's 5, which would close it under a request
REST = 1.0, 65_536  # seconds and bytes of an answer's body, so that its connection can be used again
AGENT = f"Latch/{VERSION}"
REFUSED, NAMELESS, LATE = "address not allowed", "name not found", "timed out"
BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, httpcore.UnsupportedProtocol)


class EventSender:
    """The connections to one URL: as many as there are attempts under way, and those that wait for the next ones."""

    def __init__(self, url: str, signer: Signer, allowed: Allowed, *, limit: float = TIMEOUT) -> None:
        parts = urlsplit(url)
        self._url = url
        self._host = parts.netloc
        self._signer = signer
        self._limit = limit
        self._network = JudgedNetwork(allowed, in_clear=parts.scheme != "https")
        self._open = partial(
            httpcore.AsyncHTTPConnection,
            httpcore.URL(url).origin,
            ssl_context=httpx.create_ssl_context(),
            keepalive_expiry=IDLE,
            network_backend=self._network,
        )
        self._idle: list[httpcore.AsyncHTTPConnection] = []

    async def post(self, event: OutboxEvent) -> Attempt:
        """Post it once. Returns what became of it, whatever that is."""
        now = datetime.now(UTC)
        body = body_of(event)
        headers = self._signer.headers(event.id, body, now)
        headers |= {"host": self._host, "user-agent": AGENT, "content-length": str(len(body))}
        try:
            async with asyncio.timeout(self._limit):
                return await self._posted(body, headers)
        except TimeoutError:
            return Attempt(None, LATE)
        except AddressRefusedError:
            return Attempt(None, REFUSED)
        except NameUnknownError:
            return Attempt(None, NAMELESS)
        except BROKEN as error:
            return Attempt(None, _why(error))

    async def judge(self) -> str:
        """Why nothing can be sent to where the name leads now; empty where it can. Connects to nothing."""
        parts = urlsplit(self._url)
        try:
            await self._network.judged(parts.hostname or "", parts.port or 443)
        except AddressRefusedError:
            return REFUSED
        except NameUnknownError:
            return NAMELESS
        return ""

    async def close(self) -> None:
        """Close the connections."""
        self._network.close()
        for connection in self._idle:
            await connection.aclose()

    async def _posted(self, body: bytes, headers: Mapping[str, str]) -> Attempt:
        connection = await self._connection()
        try:
            return await _answer(connection, self._url, body, headers)
        finally:
            if connection.is_available() and not connection.has_expired():
                self._idle.append(connection)
            else:
                await connection.aclose()

    async def _connection(self) -> httpcore.AsyncHTTPConnection:
        """One that waits, or a new one. That it was closed meanwhile by the other side is seen here."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return self._open()


async def _answer(
    connection: httpcore.AsyncHTTPConnection, url: str, body: bytes, headers: Mapping[str, str]
) -> Attempt:
    limits = {"timeout": {"connect": CONNECT_TIMEOUT}}
    sent = [*headers.items()]
    async with connection.stream("POST", url, headers=sent, content=body, extensions=limits) as response:
        found = {name.lower(): value for name, value in response.headers}
        await _read_rest(response)
        return Attempt(response.status, retry_after=retry_after(found.get(b"retry-after", b"").decode("latin-1")))


async def _read_rest(response: httpcore.Response) -> None:
    """Read the body, if that is soon done: the status has said it all."""
    seconds, most = REST
    read = 0
    with suppress(TimeoutError, *BROKEN):
        async with asyncio.timeout(seconds):
            async for part in response.aiter_stream():
                read += len(part)
                if read > most:
                    return


def body_of(event: OutboxEvent) -> bytes:
    """What is posted: type, moment and data, as Standard Webhooks recommends."""
    at = datetime.fromtimestamp(event.at, UTC)
    whole = {"type": event.type, "timestamp": at, "data": orjson.Fragment(event.data)}
    return orjson.dumps(whole, option=orjson.OPT_UTC_Z)


def _why(error: BaseException) -> str:
    """The kind of failure, and the first cause of it: never the text, which may hold a part of the URL."""
    if isinstance(error, httpcore.TimeoutException):
        return LATE
    cause: BaseException = error
    while deeper := cause.__cause__ or cause.__context__:
        cause = deeper
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate refused: {cause.verify_message}"
    return type(cause).__name__
