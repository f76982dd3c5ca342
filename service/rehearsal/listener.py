"""Where clients and drivers of a rehearsal connect: reads requests, hands out runs."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

from service.http.head import ProtocolError, RawRequest
from service.http.reader import RequestReader
from service.rehearsal.answers import NOTHING, Answer, of_json
from service.rehearsal.network import Network
from service.rehearsal.runs import Run, Runs

PIECE = 65_536  # bytes
STOP_GRACE = 2.0  # seconds; nothing is held back for longer
DROPS = 6  # pieces of an answer that comes in drops
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: whatever is unsent is dropped, and the client hears of it
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
UNKNOWN = of_json(404, {"error": "not_found", "message": "No such address or run; a driver asks for one: POST /next"})
BAD = of_json(400, {"error": "invalid_request", "message": "This is no request that Latch could read."})
MAY_ASK = Answer(
    204,
    {
        "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
        "access-control-allow-headers": "authorization, content-type, x-device-id, x-device-name, x-request-id",
        "access-control-max-age": "600",
    },
    b"",
)


class Connection:
    """A client's connection, as the network uses it."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def is_over(self) -> bool:
        """Whether the client has hung up, or was hung up on."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def send(self, answer: Answer) -> bool:
        """All of it. Returns whether the client was still there."""
        return await self._write(answer.as_bytes())

    async def drip(self, answer: Answer, seconds: float) -> bool:
        """The same, in pieces."""
        whole = answer.as_bytes()
        size = len(whole) // DROPS + 1
        for start in range(0, len(whole), size):
            await asyncio.sleep(seconds / DROPS)
            if not await self._write(whole[start : start + size]):
                return False
        return True

    def cut(self, answer: Answer | None = None) -> bool:
        """Hang up, after half of an answer where there is one. False: nobody has got anything whole."""
        if self.is_over:
            self._writer.close()
        elif answer:
            whole = answer.as_bytes()
            self._writer.write(whole[: len(whole) - len(answer.body) // 2 - 1])
            self._writer.close()
        else:
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self._writer.transport.abort()
        return False

    async def _write(self, data: bytes) -> bool:
        if self.is_over:
            return False
        self._writer.write(data)
        with suppress(OSError):
            await self._writer.drain()
        return not self.is_over


class Listener:
    """Serves one rehearsal."""

    def __init__(self, runs: Runs, network: Network) -> None:
        self._runs = runs
        self._network = network
        self._open: dict[asyncio.Task[None], StreamWriter] = {}
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Take connections from now on. Raises OSError where somebody else does so meanwhile."""
        self._server = await asyncio.start_server(self._serve, sock=listener)

    async def stop(self) -> None:
        """Hang up on everybody, and wait for what Latch still has of them."""
        if self._server:
            self._server.close()
        for writer in self._open.values():
            writer.transport.abort()
        if self._open:
            await asyncio.wait(self._open, timeout=STOP_GRACE)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        task: asyncio.Task[None] = asyncio.current_task()  # type: ignore[assignment] # each connection has one
        self._open[task] = writer
        try:
            await self._read(reader, writer)
        except OSError:
            writer.transport.abort()
        finally:
            del self._open[task]
            writer.close()

    async def _read(self, reader: StreamReader, writer: StreamWriter) -> None:
        requests, connection = RequestReader(), Connection(reader, writer)
        while not connection.is_over:
            try:
                raw = requests.next()
            except ProtocolError:
                await connection.send(BAD)
                return
            if raw:
                await self._answer(raw, connection)
                if raw.head.is_last:
                    return
                continue
            if requests.owes_continue():
                writer.write(CONTINUE)
            requests.unread += await reader.read(PIECE)

    async def _answer(self, raw: RawRequest, connection: Connection) -> None:
        if raw.head.method == b"OPTIONS":
            await connection.send(MAY_ASK)
            return
        _, *parts = raw.head.path.split("/", maxsplit=3)
        run = self._runs.find(parts[1]) if parts[0] == "run" and len(parts) > 1 else None
        if parts == ["next"]:
            await connection.send(self._next(raw))
        elif run is None:
            await connection.send(UNKNOWN)
        elif parts[2:] == ["task"]:
            await connection.send(_task(run, raw))
        elif parts[2:] == ["done"]:
            run.is_done = True
            await connection.send(NOTHING)
        else:
            await self._network.carry(run, raw, connection)

    def _next(self, raw: RawRequest) -> Answer:
        run = self._runs.next()
        return _task(run, raw) if run else NOTHING


def _task(run: Run, raw: RawRequest) -> Answer:
    """What is to be done, at the address by which the driver has found us: an emulator has one of its own."""
    return of_json(200, run.task(f"http://{raw.head.header(b'host')}"))
