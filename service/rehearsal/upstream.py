"""Connections to the Latch that is rehearsed with: each takes one request after the other."""

import asyncio
from asyncio import StreamReader, StreamWriter
from typing import NamedTuple

from service.http.head import RequestHead
from service.rehearsal.answers import Answer

HEAD_END = b"\r\n\r\n"
OF_THE_CONNECTION = {"connection", "content-length", "keep-alive"}
PATIENCE = 10.0  # seconds for an answer: Latch's own stores are next to it


class Line(NamedTuple):
    """One connection."""

    reader: StreamReader
    writer: StreamWriter


class Upstream:
    """Latch at a port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Line] = []

    async def ask(self, head: RequestHead, body: bytes = b"") -> Answer:
        """What Latch answers. Raises OSError, TimeoutError or EOFError where it does not."""
        line = self._idle.pop() if self._idle else Line(*await asyncio.open_connection("127.0.0.1", self._port))
        try:
            async with asyncio.timeout(PATIENCE):
                line.writer.write(head._replace(is_persistent=True).with_body(body))
                answer = await _read(line.reader)
        except BaseException:
            line.writer.close()
            raise
        self._idle.append(line)
        return answer

    def close(self) -> None:
        """Close every connection."""
        for line in self._idle:
            line.writer.close()


async def _read(reader: StreamReader) -> Answer:
    head = (await reader.readuntil(HEAD_END)).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    kept = {name: value for name, value in headers.items() if name not in OF_THE_CONNECTION}
    return Answer(int(first.split(" ")[1]), kept, body)
