"""A load generator for machines without wrk: an event loop (uvloop) and an HTTP parser (httptools), both in C.

Those of PyPI that are kept up (molotov, locust, aiolocust) are built on aiohttp or requests and cost more than the
server that they would measure. Run as a program of its own; it prints one line, like bench/load.lua.
"""

import argparse
import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httptools
import uvloop

DIVIDER = b"\x1e"
GOOD = {"200"}


class Tally:
    """What all connections have sent and got."""

    def __init__(self, requests: list[bytes], *, again: bool) -> None:
        self.requests: Iterator[bytes] = itertools.cycle(requests) if again else iter(requests)
        self.statuses: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.broken = 0
        self.used_up = False
        self.over = False


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        request = next(self._tally.requests, None)
        if request is None:
            self._tally.used_up = True
            return
        self._parser = httptools.HttpResponseParser(self)
        self._sent = time.perf_counter()
        self._transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._tally.broken += 1
            self._transport.abort()  # type: ignore[attr-defined]

    def on_message_complete(self) -> None:
        tally = self._tally
        if tally.over:
            return
        tally.seconds.append(time.perf_counter() - self._sent)
        tally.statuses[str(self._parser.get_status_code())] += 1
        self._send()

    def connection_lost(self, _: Exception | None) -> None:
        self._tally.broken += not self._tally.over


async def press(port: int, connections: int, seconds: float, tally: Tally) -> float:
    """Keep every connection busy. Answers how many seconds it took."""
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    opened = [await loop.create_connection(lambda: Connection(tally), "127.0.0.1", port) for _ in range(connections)]
    await asyncio.sleep(max(0, start + seconds - time.perf_counter()))
    tally.over = True
    for transport, _ in opened:
        transport.abort()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("connections", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("requests", type=Path, help="a file, divided by the byte 0x1E")
    parser.add_argument("order", choices=("once", "again"))
    chosen = parser.parse_args()
    tally = Tally(chosen.requests.read_bytes().split(DIVIDER), again=chosen.order == "again")
    seconds = uvloop.run(press(chosen.port, chosen.connections, chosen.seconds, tally))
    taken = sorted(tally.seconds) or [0.0]
    result = {
        "answered": len(tally.seconds),
        "seconds": seconds,
        "p50": taken[len(taken) // 2],
        "p99": taken[int(0.99 * (len(taken) - 1))],
        "failed": sum(times for status, times in tally.statuses.items() if status not in GOOD),
        "broken": tally.broken,
        "used_up": tally.used_up,
        "statuses": tally.statuses,
    }
    print(f"RESULT {json.dumps(result)}")


if __name__ == "__main__":
    main()
