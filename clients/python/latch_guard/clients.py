"""Who asks Latch: one client that blocks, and one for asyncio. Trouble is returned, never raised."""

import asyncio
import ssl
from abc import ABC, abstractmethod
from typing import Any, Generic

import httpcore

from latch_guard.deadlines import DeadlineBackend, left, within
from latch_guard.judgement import LONGEST_BODY, PATH, Outcome, Question, judge, unavailable
from latch_guard.pools import Pool, Pools

CONNECTIONS = 32  # of a process at most; more questions at once wait for one, within the time limit
IDLE = 30.0  # seconds that one is kept; balancers drop those of a minute
TROUBLE = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, TimeoutError, OSError)
# What a kept connection that the other side has closed looks like. Asked again once: a GET may be.
STALE = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)


def _url(base_url: str) -> str:
    """Raises ValueError at the start, rather than 503 at each request."""
    if not base_url.startswith(("http://", "https://")):
        raise ValueError(f"the address of Latch begins with http:// or https://, not as {base_url!r} does")
    return base_url.rstrip("/") + PATH


def _taken(body: bytes, part: bytes) -> bytes:
    if len(body) + len(part) > LONGEST_BODY:
        raise httpcore.LocalProtocolError("the answer is too long to be Latch's")
    return body + part


class _Asking(ABC, Generic[Pool]):
    """What both have: an address, a limit, and connections of a pool that is made when it is needed."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = 1.0,
        connections: int = CONNECTIONS,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._url, self._timeout = _url(base_url), timeout
        # Without proxies: one that the environment names is not to see tokens, and httpcore reads none.
        options = {
            "ssl_context": ssl_context,
            "max_connections": connections,
            "max_keepalive_connections": connections,
            "keepalive_expiry": IDLE,
        }
        self._pools: Pools[Pool] = Pools(lambda: self._pool(**options))

    @staticmethod
    @abstractmethod
    def _pool(**options: Any) -> Pool:
        """A new one."""


class Guard(_Asking[httpcore.ConnectionPool]):
    """Asks the Latch at `base_url`, which counts as away after `timeout` seconds; for code that blocks, in any thread.

    The name in `base_url` is looked up by the system, whose patience is not in the limit.
    """

    @staticmethod
    def _pool(**options: Any) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(**options, network_backend=DeadlineBackend())

    def check(self, authorization: str | None, request_id: str | None = None, language: str | None = None) -> Outcome:
        """Judge the value of an `Authorization` header; None where there was none, or two."""
        question = Question(authorization, request_id, language)
        try:
            with within(self._timeout):
                return self._ask(question)
        except TROUBLE as error:
            return unavailable(question, f"cannot be reached: {type(error).__name__}")

    def _ask(self, question: Question) -> Outcome:
        try:
            return self._exchange(question)
        except STALE:
            return self._exchange(question)

    def _exchange(self, question: Question) -> Outcome:
        body = b""
        extensions = {"timeout": {"pool": left()}}
        pool = self._pools.of()
        with pool.stream("GET", self._url, headers=question.headers, extensions=extensions) as response:
            for part in response.iter_stream():
                body = _taken(body, part)
        return judge(question, response.status, response.headers, body)

    def close(self) -> None:
        """Close this process' connections."""
        pool = self._pools.take()
        if pool is not None:
            pool.close()


class AsyncGuard(_Asking[httpcore.AsyncConnectionPool]):
    """The same for asyncio, in any number of event loops."""

    @staticmethod
    def _pool(**options: Any) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(**options)

    async def check(
        self, authorization: str | None, request_id: str | None = None, language: str | None = None
    ) -> Outcome:
        """Judge the value of an `Authorization` header; None where there was none, or two."""
        question = Question(authorization, request_id, language)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(question)
        except TROUBLE as error:
            return unavailable(question, f"cannot be reached: {type(error).__name__}")

    async def _ask(self, question: Question) -> Outcome:
        try:
            return await self._exchange(question)
        except STALE:
            return await self._exchange(question)

    async def _exchange(self, question: Question) -> Outcome:
        body = b""
        pool = self._pools.of(asyncio.get_running_loop())
        async with pool.stream("GET", self._url, headers=question.headers) as response:
            async for part in response.aiter_stream():
                body = _taken(body, part)
        return judge(question, response.status, response.headers, body)

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        pool = self._pools.take(asyncio.get_running_loop())
        if pool is not None:
            await pool.aclose()
