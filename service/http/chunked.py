"""Decodes a body in chunks, strictly (RFC 9112 section 7.1). Pure.

Chunk extensions and trailers are passed over; trailers that would frame a message are refused.
"""

import re

from service.http.head import BAD_REQUEST, BODY_LIMIT, CONTENT_TOO_LARGE, FIELD_LINES, TOKEN, ProtocolError

SPENT_LIMIT = 8 * BODY_LIMIT  # bytes on the wire; a client that sends single bytes needs six for each
LINE_LIMIT = 1024  # bytes of a size with its extensions

_QUOTED = rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_EXTENSIONS = rb"(?:;" + TOKEN + rb"(?:=(?:" + TOKEN + rb"|" + _QUOTED + rb")?)?)*"
_SIZE = re.compile(rb"0*([0-9A-Fa-f]{1,8})" + _EXTENSIONS + rb"\r\n")
_TRAILERS = re.compile(FIELD_LINES)
_FRAMES = re.compile(rb"^(?:content-length|transfer-encoding):", re.IGNORECASE | re.MULTILINE)
_LINE_END = b"\r\n"


class ChunkedBody:
    """Takes what has come, as it comes, until the body is whole. `content` is what it has decoded."""

    __slots__ = ("_spent", "content", "is_whole")

    def __init__(self) -> None:
        self.content = bytearray()
        self.is_whole = False
        self._spent = 0

    def take_from(self, buffer: bytearray) -> None:
        """Take from the start of the buffer what belongs to this body. Raises ProtocolError."""
        while taken := 0 if self.is_whole else self._take_chunk(buffer):
            del buffer[:taken]
            self._spent += taken
            if len(self.content) > BODY_LIMIT or self._spent > SPENT_LIMIT:
                raise ProtocolError(CONTENT_TOO_LARGE)

    def _take_chunk(self, buffer: bytearray) -> int:
        """Decode one chunk that is there whole; how long it is on the wire, or 0."""
        start = buffer.find(b"\n", 0, LINE_LIMIT) + 1
        if not start:
            _limit(len(buffer), LINE_LIMIT)
            return 0
        found = _SIZE.fullmatch(buffer, 0, start)
        if not found:
            raise ProtocolError(BAD_REQUEST)
        size = int(found[1], 16)
        return self._take_content(buffer, start, size) if size else self._take_trailers(buffer, start)

    def _take_content(self, buffer: bytearray, start: int, size: int) -> int:
        _limit(size, BODY_LIMIT)
        end = start + size
        if len(buffer) < end + len(_LINE_END):
            return 0
        if not buffer.startswith(_LINE_END, end):
            raise ProtocolError(BAD_REQUEST)
        self.content += buffer[start:end]
        return end + len(_LINE_END)

    def _take_trailers(self, buffer: bytearray, start: int) -> int:
        """The last chunk has no content, and the trailers behind it end with an empty line."""
        last = buffer.find(b"\r\n\r\n", start - len(_LINE_END))
        if last < 0:
            _limit(len(buffer) - start, BODY_LIMIT)
            return 0
        end = last + 2 * len(_LINE_END)
        if not _TRAILERS.fullmatch(buffer, start, end) or _FRAMES.search(buffer, start, end):
            raise ProtocolError(BAD_REQUEST)
        self.is_whole = True
        return end


def _limit(size: int, most: int) -> None:
    if size > most:
        raise ProtocolError(CONTENT_TOO_LARGE)
