"""What every route needs of a request: its types, its id, its client and its token."""

import re
from collections.abc import Sequence
from random import getrandbits
from typing import Any

from sanic import Request as SanicRequest
from sanic import Sanic
from sanic.compat import Header
from sanic.config import Config
from sanic.exceptions import BadURL

from service import addresses
from service.context import Context
from service.entities import Device
from service.http import devices

App = Sanic[Config, Context]
Request = SanicRequest[App, Any]

BASE_PATH = "/app/v1_0"


class TolerantRequest(SanicRequest[App, Any]):
    """Sanic answers what it could not parse through a stand-in request made of the same target.

    Where the target itself cannot be parsed the stand-in fails too, and the client would hear nothing.
    """

    STAND_IN = "NONE"

    def __init__(self, url_bytes: bytes, headers: Header, version: str, method: str, *rest: Any, **more: Any) -> None:
        """Take what Sanic passes."""
        try:
            super().__init__(url_bytes, headers, version, method, *rest, **more)
        except BadURL:
            if method != self.STAND_IN:
                raise
            super().__init__(b"*", headers, version, method, *rest, **more)


_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_BEARER = re.compile(r"bearer +(\S+) *", re.ASCII | re.IGNORECASE)


def request_id(request: Request) -> str:
    """The caller's `X-Request-ID` if it is a sane one (64 of `A-Za-z0-9._-` at most), else a new one."""
    known: str | None = getattr(request.ctx, "request_id", None)
    if known is None:
        known = sane_id(request.headers.getone("x-request-id", ""))
        request.ctx.request_id = known
    return known


def sane_id(sent: str) -> str:
    """What was sent as `X-Request-ID` if it is sane, else a new one: no secret, and much quicker than `uuid4`."""
    return sent if _SANE_ID.fullmatch(sent) else f"{getrandbits(128):032x}"


def bearer(request: Request) -> str | None:
    """The Bearer token of RFC 6750 section 2.1, or None where none was sent."""
    return bearer_in(request.headers.getone("authorization", ""))


def bearer_in(header: str) -> str | None:
    """The Bearer token in the value of an `Authorization` header."""
    found = _BEARER.fullmatch(header)
    return found[1] if found else None


def device(request: Request) -> Device:
    """Where a login comes from: the device's name, and the client's address."""
    headers = request.headers
    return device_of(headers.getone("x-device-name", ""), headers.getone("user-agent", ""), client_ip(request))


def device_of(given: str, user_agent: str, ip: str) -> Device:
    """The device of these two headers and this address."""
    return Device(devices.name(given, user_agent), ip)


def client_ip(request: Request) -> str:
    """The client's address: from the socket, or from TRUSTED_PROXIES hops of `X-Forwarded-For` counted from the right.

    Never from a header that anyone can send: entries further left than the trusted ones are not looked at.
    """
    return client_behind(
        request.app.ctx.settings.trusted_proxies, request.headers.getall("x-forwarded-for", []), request.ip
    )


def client_behind(hops: int, forwarded: Sequence[str], peer: str) -> str:
    """The client's address behind so many trusted proxies, from the lines of `X-Forwarded-For` and the socket's end."""
    if hops and forwarded:
        named = [hop.strip() for line in forwarded for hop in line.split(",")]
        if len(named) >= hops and (address := addresses.parse(named[-hops])):
            return address
    return addresses.parse(peer) or addresses.UNKNOWN
