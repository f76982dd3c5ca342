"""What becomes of one worker that is asked for ten times what it can serve: `python -m bench.overload`.

First its capacity is measured, then requests arrive at a rate of their own, ten times that, however slowly it answers,
from a process of their own. All is told as ratios of one run, because machines differ and neighbours disturb.
What the worker achieves in a second of processor time does not depend on who else uses the machine.
`--limit` is MAX_IN_FLIGHT; with one that nobody reaches, it shows what happens without a bound.
"""

import argparse
import asyncio
import multiprocessing
import os
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from tests.client import BASE
from tests.processes import Service

CONNECTIONS = 3_000
BUSY = 32  # connections that keep one worker busy
SECONDS = 5.0
TICK = 0.001
FACTOR = 10


@dataclass
class Tally:
    """What was answered: the seconds that each answer took from when its request was due."""

    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    unsent: int = 0  # no connection was free
    seconds: float = 0.0
    processor: float = 0.0  # seconds that the worker used

    @property
    def goodput(self) -> float:
        return len(self.served) / self.seconds

    @property
    def asked(self) -> int:
        return len(self.served) + len(self.refused) + self.unsent


class Client(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self, request: bytes, tally: Tally, idle: "deque[Client]", *, again: bool) -> None:
        self._request, self._tally, self._idle, self._again = request, tally, idle, again
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._idle.append(self)

    def ask(self, due: float) -> None:
        self._due = due
        self._transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        (self._tally.served if data.startswith(b"HTTP/1.1 200") else self._tally.refused).append(now - self._due)
        if self._again:
            self.ask(now)
        else:
            self._idle.append(self)


async def press(port: int, token: str, connections: int, seconds: float, rate: float) -> Tally:
    """Ask at `rate` a second; at 0, on each connection as soon as the last answer is there."""
    tally, idle = Tally(), deque[Client]()
    request = f"GET {BASE}/authorizations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Client(request, tally, idle, again=not rate), "127.0.0.1", port)
    start = time.monotonic()
    sent = 0
    if not rate:
        for client in list(idle):
            client.ask(start)
    while (passed := time.monotonic() - start) < seconds:
        while rate and sent < rate * passed:
            if idle:
                idle.popleft().ask(start + sent / rate)
            else:
                tally.unsent += 1
            sent += 1
        await asyncio.sleep(TICK)
    tally.seconds = time.monotonic() - start
    return tally


def _press(port: int, token: str, connections: int, seconds: float, rate: float) -> Tally:
    return uvloop.run(press(port, token, connections, seconds, rate))


def share(values: Sequence[float], part: float) -> float:
    """The value that `part` of all do not exceed."""
    return sorted(values)[int(part * (len(values) - 1))] if values else float("nan")


def resident(pid: int) -> float:
    """Megabytes of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def processor(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(limit: int) -> None:
    """Run the service, press on it, and print the ratios."""
    with (
        tempfile.TemporaryDirectory(prefix="latch-") as name,
        Service(Path(name) / "data", MAX_IN_FLIGHT=limit) as service,
        multiprocessing.get_context("spawn").Pool(1) as pool,
    ):
        token = service.log_in()["token"]

        def phase(connections: int, rate: float = 0.0, seconds: float = SECONDS) -> Tally:
            used = processor(service.process.pid)
            tally = pool.apply(_press, (service.port, token, connections, seconds, rate))
            tally.processor = processor(service.process.pid) - used
            return tally

        phase(BUSY, seconds=1.0)
        alone = phase(1, seconds=2.0)
        capacity = phase(BUSY)
        before = resident(service.process.pid)
        pressed = phase(CONNECTIONS, rate=FACTOR * capacity.goodput)
        grown = resident(service.process.pid) - before
        after = phase(BUSY)
    offered = pressed.asked / pressed.seconds / capacity.goodput
    print(f"MAX_IN_FLIGHT {limit}: offered {offered:.1f} times the capacity, on {CONNECTIONS} connections")
    print(f"  goodput, of the capacity                  {pressed.goodput / capacity.goodput:7.2f}")
    efficiency = (len(pressed.served) / pressed.processor) / (len(capacity.served) / capacity.processor)
    print(f"  the same, for each second of processor    {efficiency:7.2f}")
    for part in (0.5, 0.99, 1.0):
        ratio = share(pressed.served, part) / share(alone.served, 0.5)
        print(f"  answer, {part:4.0%}, times the unloaded median {ratio:7.1f}  ({share(pressed.served, part):.3f} s)")
    print(f"  refused, of what was sent                 {len(pressed.refused) / max(1, pressed.asked):7.2f}")
    for part in (0.5, 0.99):
        ratio = share(pressed.refused, part) / share(alone.served, 0.5)
        print(f"  refusal, {part:3.0%}, times the unloaded median {ratio:7.1f}  ({share(pressed.refused, part):.3f} s)")
    print(f"  not sent: every connection waited         {pressed.unsent / max(1, pressed.asked):7.2f}")
    print(f"  memory of the worker, growth in MB        {grown:7.1f}")
    print(f"  goodput afterwards, of the capacity       {after.goodput / capacity.goodput:7.2f}")
    print(f"  capacity {capacity.goodput:.0f}/s, its median {share(capacity.served, 0.5) * 1000:.1f} ms")


def main() -> None:
    """Measure with each limit that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, nargs="+", default=[512])
    for limit in parser.parse_args().limit:
        measure(limit)


if __name__ == "__main__":
    main()
