"""A client that keeps the rules of docs/rehearsal.md, as small as it can be: what the judge must find nothing in.

The methods are where bad clients of the tests differ from it.
"""

import asyncio
import json
import random
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import aiohttp

AUTHORIZATIONS = "/app/v1_0/authorizations"
OVER = {"invalid_refresh_token", "session_ended", "invalid_token", "user_disabled"}
TIMEOUT = aiohttp.ClientTimeout(5.0)  # seconds that an attempt may take
BACKOFF = 0.02  # seconds before the second try
LONGEST_WAIT = 1.0
Clock = Callable[[], float]


class LoggedOut(Exception):
    """The session is over: the person logs in again."""


class Unavailable(Exception):
    """Try again later: nobody was logged out."""


class Response(NamedTuple):
    """What came back."""

    status: int
    retry_after: str
    body: bytes


class Pair(NamedTuple):
    """What is stored."""

    token: str
    refresh_token: str
    expires_at: float
    lifetime: float


class Client:
    """One device."""

    tries = 4

    def __init__(self, http: aiohttp.ClientSession, url: str, clock: Clock) -> None:
        self.http = http
        self.url = url
        self.clock = clock
        self.stored: Pair | None = None
        self.lock = asyncio.Lock()

    async def log_in(self, mobile: str, code: str) -> None:
        named = {"X-Request-ID": uuid.uuid4().hex}
        for number in range(self.tries):
            response = await self.send("POST", AUTHORIZATIONS, headers=named, json={"mobile": mobile, "code": code})
            if pair := self.pair_in(response):
                self.stored = pair
                return
            await self.wait(number, response)
        raise Unavailable

    async def get(self, path: str) -> Response | None:
        """Ask a backend. None where it did not answer. Raises LoggedOut, Unavailable."""
        held = self.stored
        if held is None:
            raise LoggedOut
        if self.is_due(held):
            try:
                held = await self.refreshed(held)
            except Unavailable:
                if self.clock() >= held.expires_at:
                    raise
        response = await self.ask(path, held)
        if response and response.status == 401:
            response = await self.ask(path, await self.refreshed(held))
        return response

    async def ask(self, path: str, held: Pair) -> Response | None:
        return await self.send("GET", path, headers={"Authorization": f"Bearer {held.token}"})

    async def refreshed(self, sent: Pair) -> Pair:
        """Another pair than the one that was sent: one refresh at a time."""
        async with self.lock:
            if self.stored is None:
                raise LoggedOut
            if self.stored.token != sent.token:
                return self.stored
            return await self.refresh(self.stored)

    async def refresh(self, held: Pair) -> Pair:
        for number in range(self.tries):
            response = await self.send("PUT", AUTHORIZATIONS, headers={"Authorization": f"Bearer {held.refresh_token}"})
            if pair := self.pair_in(response):
                self.stored = pair
                return pair
            if self.is_over(response):
                self.stored = None
                raise LoggedOut
            await self.wait(number, response)
        raise Unavailable

    def is_due(self, held: Pair) -> bool:
        return held.expires_at - self.clock() < min(60.0, held.lifetime / 10)

    def is_over(self, response: Response | None) -> bool:
        return bool(response and response.status in {401, 403} and object_in(response).get("error") in OVER)

    def pair_in(self, response: Response | None) -> Pair | None:
        if response is None or response.status != 200:
            return None
        match object_in(response).get("data"):
            case {"token": str(token), "refresh_token": str(refresh_token), "expires_in": int(lifetime)}:
                return Pair(token, refresh_token, self.clock() + lifetime, lifetime)
        return None

    async def send(self, method: str, path: str, **options: Any) -> Response | None:
        """None where nothing has come back whole and in time."""
        try:
            async with self.http.request(method, f"{self.url}{path}", timeout=TIMEOUT, **options) as response:
                return Response(response.status, response.headers.get("Retry-After", ""), await response.read())
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def wait(self, number: int, response: Response | None) -> None:
        wished = response.retry_after if response else ""
        backoff = BACKOFF * 2**number * random.uniform(0.5, 1)
        await asyncio.sleep(min(LONGEST_WAIT, max(backoff, float(wished) if wished.isdecimal() else 0.0)))


def object_in(response: Response) -> dict[str, Any]:
    try:
        value = json.loads(response.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
