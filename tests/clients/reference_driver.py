"""Drives a client through a rehearsal: `latch rehearse -- python -m tests.clients.reference_driver [NAME]`.

Without a name it is the client that keeps the rules; the others are in bad_clients.py.
"""

import asyncio
import os
import sys
import time
from typing import Any

import aiohttp

from tests.clients.reference_client import Client, LoggedOut, Unavailable

AT_ONCE = 8  # runs


async def main(kind: type[Client]) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work(http, kind))


async def work(http: aiohttp.ClientSession, kind: type[Client]) -> None:
    """Run after run, until there are no more."""
    while True:
        async with http.post(f"{os.environ['LATCH_REHEARSAL']}/next") as response:
            if response.status != 200:
                return
            run = await response.json()
        await rehearse(http, kind, run)


async def rehearse(http: aiohttp.ClientSession, kind: type[Client], run: dict[str, Any]) -> None:
    offset: int = run["clock"]

    def clock() -> float:
        return time.monotonic() + 1_000_000 + offset

    client = kind(http, run["url"], clock)
    await log_in(client, run)
    for number in range(run["rounds"]):
        if number == run["rounds"] // 2:
            offset = run.get("clock_later", offset)
        outcomes = await asyncio.gather(*(client.get("/work") for _ in range(run["at_once"])), return_exceptions=True)
        if any(isinstance(outcome, LoggedOut) for outcome in outcomes):
            await log_in(client, run)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, LoggedOut | Unavailable):
                raise outcome
        await asyncio.sleep(run["pause"])
    await http.post(f"{run['url']}/done")


async def log_in(client: Client, run: dict[str, Any]) -> None:
    try:
        await client.log_in(run["mobile"], run["code"])
    except Unavailable:
        return


if __name__ == "__main__":
    from tests.clients import bad_clients

    asyncio.run(main(getattr(bad_clients, sys.argv[1]) if len(sys.argv) > 1 else Client))
