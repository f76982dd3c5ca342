"""A proxy between a client and a server on a Unix socket that loses what it forwards as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

CHUNK = 65_536
FAULTS = ("cut", "cut in the middle", "late", "in pieces", "swallowed")

Fault = Callable[
    [], str
]  # one of the above, or "" where all goes well: asked for each piece of data, in both directions


class FlakyProxy:
    """The next `losses` answers are lost in it, and the connection with them. `fault` says what else goes wrong."""

    def __init__(self, socket: str, fault: Fault = lambda: "") -> None:
        self.socket = socket  # where new connections go
        self._writers: list[asyncio.StreamWriter] = []
        self._forgotten: list[asyncio.StreamWriter] = []
        self._forwarding: set[asyncio.Task[None]] = set()
        self.losses = 0
        self.connections = 0
        self.fault = fault

    def forget(self) -> None:
        """Forward nothing more on the connections that there are, and do not tell: as a firewall does after a while."""
        self._forgotten = list(self._writers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """The URL that clients connect to."""
        server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        try:
            yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for writer in self._writers:
                writer.close()
            await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)
            await asyncio.gather(*self._forwarding, return_exceptions=True)
            await server.wait_closed()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        if task := asyncio.current_task():
            self._forwarding.add(task)
            task.add_done_callback(self._forwarding.discard)
        far_reader, far_writer = await asyncio.open_unix_connection(self.socket)
        self._writers.append(far_writer)
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer, is_answer=True))

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        with suppress(ConnectionError):  # who is cut off may have had something to say
            while data := await reader.read(CHUNK):
                if is_answer and self.losses:
                    self.losses -= 1
                    break
                if not await self._sent(data, reader, writer):
                    break
        writer.close()

    async def _sent(self, data: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection still stands afterwards."""
        match "swallowed" if writer in self._forgotten else self.fault():
            case "cut":
                return False
            case "cut in the middle":
                writer.write(data[: len(data) // 2])
                return False
            case "late":
                await asyncio.sleep(0.005)
            case "in pieces":
                step = len(data) // 7 + 1
                for start in range(0, len(data), step):
                    writer.write(data[start : start + step])
                    await writer.drain()
                    await asyncio.sleep(0)
                return True
            case "swallowed":
                while await reader.read(CHUNK):
                    pass
                return False
        writer.write(data)
        return True
