"""Reads the head of a request as RFC 9112 has it, and no other way. Pure.

Two readers of one byte stream that disagree on where a request ends let one client's bytes be taken for another's
request. So what two readers could understand in two ways is refused here, before anybody looks at what it asks for:
line ends (section 2.2), the target (3.2), Host (3.2), field lines (5.1, 5.2) and the length of the body (6.1 to 6.3).
"""

import re
from functools import lru_cache
from typing import NamedTuple

HEAD_LIMIT = 32 * 1024  # bytes; gateways hand on other people's cookies
BODY_LIMIT = 16 * 1024
CHUNKED = -1  # instead of a body's length
BAD_REQUEST, CONTENT_TOO_LARGE, FIELDS_TOO_LARGE = 400, 413, 431

# What llhttp takes, and so what a gateway in front of us may have taken for a request.
METHODS = frozenset(
    b"GET HEAD POST PUT PATCH DELETE OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND "
    b"UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE MKCALENDAR LINK UNLINK "
    b"SOURCE QUERY".split()
)
# Possessive: nothing in this grammar needs a way back, which takes half as long again.
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
FIELD_LINES = rb"((?:" + TOKEN + rb":[\t\x20-\x7e\x80-\xff]*+\r\n)*+)\r\n"
_HEAD = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]++) HTTP/1\.([01])\r\n" + FIELD_LINES)
_TARGET = re.compile(rb"/|[A-Za-z][A-Za-z0-9+.-]*://|\*\Z")
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=:%\[\]-]*")
_NO_LINE_END = re.compile(rb"\r(?!\n|\Z)|(?<!\r)\n|\x00")
_BLANKS = b" \t"
_END = b"\r\n\r\n"
_SLASH = ord("/")

_AT_MOST_ONCE = (b"host", b"content-length", b"transfer-encoding")
# Between us and whoever is next to us (RFC 9110 section 7.6.1), and what frames a body, which is done here.
_OF_THE_CONNECTION = frozenset(
    b"connection content-length keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)
_CONTINUE = (b"expect", b"100-continue")  # by `RequestReader.owes_continue`; others are Sanic's to refuse


class ProtocolError(Exception):
    """This is no request, or too large for one. It is answered with `status`, and the connection is closed."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class RequestHead(NamedTuple):
    """The head of one request.

    `headers` are by names in lower case, `lines` as they came, and `has_repeated` tells that some came more than once.
    `size` is the head's in bytes, with its empty line; `length` that of the body, or CHUNKED. `is_persistent` tells
    whether the connection may be used again.
    """

    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    lines: bytes
    has_repeated: bool
    size: int
    length: int
    is_persistent: bool

    def header(self, name: bytes) -> str:
        """What was sent under this name, or an empty string. Bytes that are no UTF-8 become surrogates."""
        return self.headers.get(name, b"").decode(errors="surrogateescape")

    @property
    def is_last(self) -> bool:
        """Whether the connection ends with it. Who is in front may take what follows a method unknown for anything."""
        return not (self.is_persistent and self.method in METHODS)

    @property
    def path(self) -> str:
        """The path of the target, without its query; empty where the target has none."""
        target = self.target
        if not target.startswith(b"/"):
            target = target[target.find(b"/", target.find(b"://") + 3) :] if b"://" in target else b""
        return target.partition(b"?")[0].decode("ascii")

    def with_body(self, body: bytes) -> bytes:
        """The same request with nothing of the connection's in it, its body framed by a length."""
        lines = [b"%b %b HTTP/1.1\r\n" % (self.method, self.target)]
        lines += [
            b"%b: %b\r\n" % field
            for field in _fields(self.lines)
            if field[0] not in _OF_THE_CONNECTION and field != _CONTINUE
        ]
        if body or self.length:
            lines.append(b"content-length: %d\r\n" % len(body))
        lines.append(b"connection: %b\r\n\r\n" % (b"keep-alive" if self.is_persistent else b"close"))
        return b"".join([*lines, body])


class RawRequest(NamedTuple):
    """A request that has come whole; its body is decoded. `peer` is the address at the other end of the socket."""

    head: RequestHead
    body: bytes
    peer: str = ""


def read_head(data: bytes | bytearray, seen: int = 0) -> RequestHead | None:
    """The head at the start of `data`; None where it has not come whole, and nothing of it is wrong so far.

    The first `seen` bytes have been looked at before. Raises ProtocolError.
    """
    found = None if seen else _HEAD.match(data)
    if not found:
        end = _end_of_head(data, seen)
        if not end:
            return None
        found = _HEAD.fullmatch(data, 0, end)
        if not found:
            raise ProtocolError(BAD_REQUEST)
    size = found.end()
    if size > HEAD_LIMIT:
        raise ProtocolError(FIELDS_TOO_LARGE)
    method, target, minor, lines = found.groups()
    if target[0] != _SLASH and not _TARGET.match(target) and method in METHODS:
        raise ProtocolError(BAD_REQUEST)
    is_1_1 = minor == b"1"
    split = lines.split(b"\r\n")
    headers: dict[bytes, bytes] = {}
    for line in split[:-1]:
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip(_BLANKS)
    if has_repeated := len(headers) < len(split) - 1:
        headers = _joined(_fields(lines))
    host = headers.get(b"host")
    if is_1_1 if host is None else not _is_host(host):
        raise ProtocolError(BAD_REQUEST)
    length = _length(headers) if b"content-length" in headers or b"transfer-encoding" in headers else 0
    is_persistent = _is_persistent(headers.get(b"connection"), is_1_1) and (is_1_1 or length != CHUNKED)
    return RequestHead(method, target, headers, lines, has_repeated, size, length, is_persistent)


def _end_of_head(data: bytes | bytearray, seen: int) -> int:
    """How long the head is, with its empty line; 0 where that has not come, and nothing is wrong so far."""
    end = data.find(_END, max(0, seen - len(_END))) + len(_END)
    if (end if end >= len(_END) else len(data)) > HEAD_LIMIT:
        raise ProtocolError(FIELDS_TOO_LARGE)
    if end >= len(_END):
        return end
    if _NO_LINE_END.search(data, max(0, seen - 1)):
        raise ProtocolError(BAD_REQUEST)
    return 0


def _fields(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Names in lower case, and values without blanks around them."""
    found = []
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        found.append((name.lower(), value.strip(_BLANKS)))
    return found


def _joined(fields: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """RFC 9110 section 5.2: what comes more than once is one list. Raises ProtocolError for what may not be one."""
    joined: dict[bytes, bytes] = {}
    for name, value in fields:
        if name in joined and name in _AT_MOST_ONCE:
            raise ProtocolError(BAD_REQUEST)
        joined[name] = b"%b, %b" % (joined[name], value) if name in joined else value
    return joined


@lru_cache(maxsize=64)
def _is_host(host: bytes) -> bool:
    return _HOST.fullmatch(host) is not None


def _length(headers: dict[bytes, bytes]) -> int:
    """The bytes of the body, no more than one too many, or CHUNKED (RFC 9112 section 6.3)."""
    length, coding = headers.get(b"content-length"), headers.get(b"transfer-encoding")
    if coding is not None:
        if length is not None or coding.lower() != b"chunked":
            raise ProtocolError(BAD_REQUEST)
        return CHUNKED
    if length is None:
        return 0
    if not length.isdigit():
        raise ProtocolError(BAD_REQUEST)
    digits = length.lstrip(b"0") or b"0"
    return int(digits) if len(digits) <= len(str(BODY_LIMIT)) else BODY_LIMIT + 1


@lru_cache(maxsize=64)
def _is_persistent(options: bytes | None, is_1_1: bool) -> bool:  # noqa: FBT001 - a cache takes names more slowly
    """RFC 9112 section 9.3, of the value of `Connection`."""
    if options is None:
        return is_1_1
    wanted = {option.strip(_BLANKS) for option in options.lower().split(b",")}
    return b"close" not in wanted and (is_1_1 or b"keep-alive" in wanted)
