"""What every route needs of a request: its types, its id, its client and its token."""

import re
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
from service.http.head import RawRequest

App = Sanic[Config, Context]

BASE_PATH = "/app/v1_0"
STAND_IN = "NONE"  # the method of a stand-in


class Request(SanicRequest[App, Any]):
    """Sanic answers what it could not parse through a stand-in request made of the same target.

    Where the target itself cannot be parsed the stand-in fails too, and the client would hear nothing.
    """

    def __init__(self, url_bytes: bytes, headers: Header, version: str, method: str, *rest: Any, **more: Any) -> None:
        """Take what Sanic passes."""
        try:
            super().__init__(url_bytes, headers, version, method, *rest, **more)
        except BadURL:
            if method != STAND_IN:
                raise
            super().__init__(b"*", headers, version, method, *rest, **more)

    @property
    def raw(self) -> RawRequest:
        """What came, as it was read."""
        stream: Any = self.stream
        raw: RawRequest = stream.protocol.raw
        return raw


_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_DEVICE_ID = re.compile(r"[!-~]{8,128}", re.ASCII)
_NAMES_ONE = 16  # characters that an id should have to be no other request's
_BEARER = re.compile(r"bearer +(\S+) *", re.ASCII | re.IGNORECASE)


def request_id(request: Request) -> str:
    """The caller's `X-Request-ID` if it is a sane one (64 of `A-Za-z0-9._-` at most), else a new one."""
    known: str | None = getattr(request.ctx, "request_id", None)
    if known is None:
        known = sane_id(request.raw.head.header(b"x-request-id"))
        request.ctx.request_id = known
    return known


def sane_id(sent: str) -> str:
    """What was sent as `X-Request-ID` if it is sane, else a new one: no secret, and much quicker than `uuid4`."""
    return sent if _SANE_ID.fullmatch(sent) else f"{getrandbits(128):032x}"


def own_id(raw: RawRequest) -> str:
    """The caller's own `X-Request-ID`, if it is long enough to name one request; else an empty string."""
    sent = raw.head.header(b"x-request-id")
    return sent if len(sent) >= _NAMES_ONE and _SANE_ID.fullmatch(sent) else ""


def bearer(raw: RawRequest) -> str | None:
    """The Bearer token of RFC 6750 section 2.1, or None where none was sent."""
    found = _BEARER.fullmatch(raw.head.header(b"authorization"))
    return found[1] if found else None


def device(raw: RawRequest, hops: int) -> Device:
    """Where a login comes from: the device's name, the client's address, and the id that the app has made, if any.

    An id that is none (8 to 128 visible ASCII characters) is as good as one that was not sent.
    """
    head = raw.head
    sent = head.header(b"x-device-id")
    name = devices.name(head.header(b"x-device-name"), head.header(b"user-agent"))
    return Device(name, client_ip(raw, hops), sent if _DEVICE_ID.fullmatch(sent) else "")


def client_ip(raw: RawRequest, hops: int) -> str:
    """The client's address: from the socket, or from so many hops of `X-Forwarded-For` counted from the right.

    Never from a header that anyone can send: entries further left than the trusted ones are not looked at.
    """
    forwarded = raw.head.header(b"x-forwarded-for") if hops else ""
    if forwarded:
        named = forwarded.split(",")
        if len(named) >= hops and (address := addresses.parse(named[-hops].strip())):
            return address
    return addresses.parse(raw.peer) or addresses.UNKNOWN
