"""Posts events to one receiver of WEBHOOK_URLS, each attempt signed anew. What becomes of it is for the caller.

httpcore rather than httpx, which does twice the work for a request and has no place for a network of one's own. It
follows no redirects, and reads no proxy from the environment.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpcore
import httpx
import orjson

from service import VERSION
from service.senders.judged_network import AddressRefusedError, JudgedNetwork, NameUnknownError
from service.senders.signer import Signer
from service.webhook_addresses import Allowed
from service.webhook_rules import AT_ONCE
from service.webhooks import Attempt, OutboxEvent, retry_after

TIMEOUT = 10.0  # seconds of an attempt, name, connection and TLS included
CONNECT_TIMEOUT = 4.0  # seconds for each address, and for TLS
IDLE = 4.0  # seconds that a connection is kept: less than Node's and uvicorn's 5, which would close it under a request
REST = 1.0, 65_536  # seconds and bytes of an answer's body, so that its connection can be used again
AGENT = f"Latch/{VERSION}"
REFUSED, NAMELESS, LATE = "address not allowed", "name not found", "timed out"
BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, httpcore.UnsupportedProtocol)


class EventSender:
    """The connections to one URL: as many as attempts may be under way."""

    def __init__(self, url: str, signer: Signer, allowed: Allowed, *, limit: float = TIMEOUT) -> None:
        parts = urlsplit(url)
        self._url = url
        self._host = parts.netloc
        self._signer = signer
        self._limit = limit
        self._network = JudgedNetwork(allowed, in_clear=parts.scheme != "https")
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=AT_ONCE,
            keepalive_expiry=IDLE,
            network_backend=self._network,
        )

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

    async def close(self) -> None:
        """Close the connections."""
        self._network.close()
        await self._pool.aclose()

    async def _posted(self, body: bytes, headers: Mapping[str, str]) -> Attempt:
        limits = {"timeout": {"connect": CONNECT_TIMEOUT, "pool": self._limit}}
        async with self._pool.stream(
            "POST", self._url, headers=[*headers.items()], content=body, extensions=limits
        ) as response:
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
