"""A limit for the whole of an exchange that blocks: httpcore's own are per read, and a trickle of bytes never ends."""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore

_ends_at: ContextVar[float] = ContextVar("latch_guard_ends_at")  # of the thread's, or greenlet's, exchange


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is exchanged in the block ends by then, with a TimeoutException of httpcore."""
    token = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def left() -> float:
    """Seconds until then. Raises httpcore.ReadTimeout where there are none."""
    seconds = _ends_at.get() - time.monotonic()
    if seconds <= 0:
        raise httpcore.ReadTimeout
    return seconds


class DeadlineStream(httpcore.NetworkStream):
    """A connection whose every step has what is left of the time."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - httpcore's signature
        """As httpcore's."""
        return self._stream.read(max_bytes, left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """As httpcore's."""
        self._stream.write(buffer, left())

    def close(self) -> None:
        """As httpcore's."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """As httpcore's."""
        return DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left()))

    def get_extra_info(self, info: str) -> Any:
        """As httpcore's."""
        return self._stream.get_extra_info(info)


class DeadlineBackend(httpcore.SyncBackend):
    """Opens such connections."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """As httpcore's."""
        return DeadlineStream(super().connect_tcp(host, port, left(), local_address, socket_options))
