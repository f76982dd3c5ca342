"""Connections for webhooks: the name is looked up here, each address of it is judged, and one of them is connected to.

So what was judged is what is connected to, whatever the name leads to a moment later (DNS rebinding). TLS goes by the
name still: httpcore takes that from the URL.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpcore

from service.webhook_addresses import Allowed, is_loopback

LOOKUP_TIMEOUT = 5.0  # seconds for the name
TRIED = 4  # addresses of one name


class AddressRefusedError(Exception):
    """The name leads to an address that webhooks may not be sent to."""


class NameUnknownError(Exception):
    """The name leads nowhere, or nobody says where in time."""


class _BeforeTls(httpcore.AsyncNetworkStream):
    """A connection that is closed where TLS does not come about: httpcore leaves it open to whom time has run out."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self.read, self.write, self.aclose = stream.read, stream.write, stream.aclose  # type: ignore[method-assign]

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class JudgedNetwork(httpcore.AsyncNetworkBackend):
    """That of one receiver. `in_clear`: without TLS, so to this machine alone.

    Lookups take turns in a thread of their own: a resolver that hangs holds up nothing else.
    """

    def __init__(self, allowed: Allowed, *, in_clear: bool) -> None:
        self._allowed = allowed
        self._in_clear = in_clear
        self._backend = httpcore.AnyIOBackend()
        self._resolver = ThreadPoolExecutor(1, "webhook-resolver")

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of the host that answers.

        Raises AddressRefusedError where one of them is not allowed, NameUnknownError, and what httpcore raises.
        """
        addresses = await self.judged(host, port)
        for address in addresses[:-1]:
            try:
                return _BeforeTls(
                    await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        last = await self._backend.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)
        return _BeforeTls(last)

    async def judged(self, host: str, port: int) -> list[str]:
        """The addresses of a host. Raises AddressRefusedError where one of them is not allowed, NameUnknownError."""
        addresses = await self._addresses(host, port)
        if not all(self._is_allowed(host, address) for address in addresses):
            raise AddressRefusedError
        return addresses

    async def sleep(self, seconds: float) -> None:
        """As httpcore asks for it between tries of its own, of which there are none."""
        await asyncio.sleep(seconds)

    def close(self) -> None:
        """Look nothing up any more."""
        self._resolver.shutdown(wait=False, cancel_futures=True)

    def _is_allowed(self, host: str, address: str) -> bool:
        return self._allowed.takes(host, address) and (not self._in_clear or is_loopback(address))

    async def _addresses(self, host: str, port: int) -> list[str]:
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                found = await asyncio.get_running_loop().run_in_executor(self._resolver, ask)
        except (TimeoutError, OSError, UnicodeError) as error:
            raise NameUnknownError from error
        return list(dict.fromkeys(str(address[0]) for *_, address in found))[:TRIED]
