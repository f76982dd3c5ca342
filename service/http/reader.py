"""Cuts a connection's bytes into requests. Pure: takes what has come, and returns what is whole."""

import re
from collections.abc import Callable

from service.http.chunked import ChunkedBody
from service.http.head import BODY_LIMIT, CHUNKED, CONTENT_TOO_LARGE, ProtocolError, RawRequest, RequestHead, read_head

_EMPTY_LINES = re.compile(rb"(?:\r\n)*")
_CR = 13


class RequestReader:
    """Of one connection. A body is never looked at as a head: it is taken as long as its own head says.

    `needs_no_body` tells of a head that it is enough to answer the request.
    """

    __slots__ = ("_chunked", "_needs_no_body", "_owes_continue", "_seen", "head", "peer", "unread")

    def __init__(self, needs_no_body: Callable[[RequestHead], bool] = lambda _: False) -> None:
        self._needs_no_body = needs_no_body
        self.peer = ""
        self.unread = bytearray()  # what has come and belongs to no request yet
        self.head: RequestHead | None = None  # of the request whose body is still to come
        self._chunked: ChunkedBody | None = None
        self._owes_continue = False
        self._seen = 0

    @property
    def has_begun(self) -> bool:
        """Whether a part of a request has come."""
        return bool(self.unread) or self.head is not None

    def owes_continue(self) -> bool:
        """Whether the client waits for a 100 before it sends the body (RFC 9110 section 10.1.1). True once."""
        owes, self._owes_continue = self._owes_continue, False
        return owes and self.head is not None

    def next(self) -> RawRequest | None:
        """The next request that is whole. Raises ProtocolError where what has come is none."""
        head = self.head or self._read_head()
        if head is None:
            return None
        if head.length and self._needs_no_body(head):
            return self._without_body(head)
        if head.length > BODY_LIMIT:
            self.head = head
            raise ProtocolError(CONTENT_TOO_LARGE)
        body = self._read_body(head)
        self.head = None if body is not None else head
        return None if body is None else RawRequest(head, body, self.peer)

    def _read_head(self) -> RequestHead | None:
        """Empty lines before a request are passed over (RFC 9112 section 2.2)."""
        unread = self.unread
        if unread and unread[0] == _CR and (empty := _EMPTY_LINES.match(unread)) and empty.end():
            del unread[: empty.end()]
            self._seen = 0
        if not unread:
            return None
        head = read_head(unread, self._seen)
        if head is None:
            self._seen = len(unread)
            return None
        self._seen = 0
        del unread[: head.size]
        self._chunked = ChunkedBody() if head.length == CHUNKED else None
        self._owes_continue = head.headers.get(b"expect", b"").lower() == b"100-continue"
        return head

    def _without_body(self, head: RequestHead) -> RawRequest:
        """What is there whole is passed over; else the request is the last: gateways announce what never comes."""
        if 0 < head.length <= min(len(self.unread), BODY_LIMIT):
            del self.unread[: head.length]
            return RawRequest(head, b"", self.peer)
        self.head = head
        return RawRequest(head._replace(is_persistent=False), b"", self.peer)

    def _read_body(self, head: RequestHead) -> bytes | None:
        if not head.length:
            return b""
        if self._chunked:
            self._chunked.take_from(self.unread)
            return bytes(self._chunked.content) if self._chunked.is_whole else None
        if len(self.unread) < head.length:
            return None
        body = bytes(self.unread[: head.length])
        del self.unread[: head.length]
        return body
