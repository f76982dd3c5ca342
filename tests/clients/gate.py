"""What stands between a guard and Latch: hands requests on, counts them and their connections, or misbehaves."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

from tests.processes import PATIENCE, free_port

END = b"\r\n\r\n"
Behaviour = Callable[["Gate", "Line", bytes], bytes | None]  # None closes the connection


class Line:
    """One connection of a guard, and its own to Latch."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.served = 0
        self.upstream: http.client.HTTPConnection | None = None
        self._rest = b""

    def head(self) -> bytes:
        """The next request, which has no body; empty where the guard has closed."""
        while END not in self._rest:
            part = self.sock.recv(65_536)
            if not part:
                return b""
            self._rest += part
        head, _, self._rest = self._rest.partition(END)
        return head

    def close(self) -> None:
        if self.upstream is not None:
            self.upstream.close()
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class Gate:
    """Listens at `port`. `behave` is what it does with a request; without a change, hand it on."""

    def __init__(self) -> None:
        self.port = free_port()
        self.upstream = 0
        self.lines: set[Line] = set()
        self.reset()

    def reset(self, upstream: int = 0) -> None:
        """Behave, and count anew."""
        self.upstream = upstream or self.upstream
        self.behave: Behaviour = hand_on
        self.heads: list[bytes] = []
        self.connections = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self._thread = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        self.cut()

    def cut(self) -> None:
        """Close every connection."""
        for line in list(self.lines):
            line.close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nothing listens there."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(Line(sock),), daemon=True).start()

    def _serve(self, line: Line) -> None:
        self.lines.add(line)
        with suppress(OSError, http.client.HTTPException):
            while head := line.head():
                self.heads.append(head)
                answer = self.behave(self, line, head)
                if answer is None:
                    break
                line.sock.sendall(answer)
                line.served += 1
        self.lines.discard(line)
        line.close()

    def sent(self, name: str) -> list[str]:
        """The values of a header of the last request."""
        pairs = (row.split(": ", 1) for row in self.heads[-1].decode("latin-1").split("\r\n")[1:])
        return [value for key, value in pairs if key.lower() == name]


def hand_on(gate: Gate, line: Line, head: bytes) -> bytes:
    """Ask Latch, and give its answer byte for byte."""
    first, *rows = head.decode("latin-1").split("\r\n")
    if line.upstream is None:
        line.upstream = http.client.HTTPConnection("127.0.0.1", gate.upstream, timeout=PATIENCE)
    line.upstream.request(first.split()[0], first.split()[1], headers=dict(row.split(": ", 1) for row in rows))
    answer = line.upstream.getresponse()
    body = answer.read()
    headers = "".join(f"{name}: {value}\r\n" for name, value in answer.getheaders())
    return f"HTTP/1.1 {answer.status} {answer.reason}\r\n{headers}\r\n".encode("latin-1") + body


def hand_on_and_close(gate: Gate, line: Line, head: bytes) -> None:
    line.sock.sendall(hand_on(gate, line, head))


def hang_up_on_the_second(gate: Gate, line: Line, head: bytes) -> bytes | None:
    """As a server that closes an idle connection in the very moment in which it is used again."""
    return hand_on(gate, line, head) if line.served == 0 else None


def hang(_gate: Gate, line: Line, _head: bytes) -> None:
    """Never answer."""
    line.sock.recv(1)  # until the guard closes


def trickle(_gate: Gate, line: Line, _head: bytes) -> None:
    """A byte now and then, without an end."""
    line.sock.sendall(b"HTTP/1.1 401 Unauthorized\r\nX: ")
    while True:
        line.sock.sendall(b"x")
        time.sleep(0.05)


def say(status: int, body: bytes, *headers: str) -> Behaviour:
    """This answer to everybody."""
    rows = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers]
    answer = "\r\n".join(rows).encode() + END + body
    return lambda *_: answer
