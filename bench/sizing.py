"""How much memory sessions take: writes some through the store to a real server and reads what its memory grew by.

    python -m bench.sizing [--sessions 20000] [--redis redis://...]

An empty server of its own is started where none is named. One that is named is filled, measured and EMPTIED.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.filling import open_session
from service.embedded.redis_server import EmbeddedRedis
from service.stores.redis.connection import Connection
from service.stores.sessions import SessionStore

PER_USER = (1, 3, 10)
GB = 1_000_000_000
SPARE = 0.6  # of a machine's memory that may hold data: the rest is for forks, copies for replicas, and fragments
LIFE, ACCESS_LIFE = 1_209_600.0, 3_600.0
AT_ONCE = 64


@contextmanager
def own_server() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="latch-") as name:
        server = EmbeddedRedis(Path(name), Path(name) / "redis.sock")
        server.start()
        yield f"unix://{name}/redis.sock"
        server.stop()


async def bytes_per_session(connection: Connection, sessions: int, per_user: int) -> float:
    store = SessionStore(connection)
    await connection.redis.execute_command("FLUSHALL", "SYNC")  # type: ignore[no-untyped-call]
    await open_session(store, 0, 1)  # the scripts, and the buffers of the connections
    before = int((await connection.redis.info("memory"))["used_memory"])
    users = range(1_000_000, 1_000_000 + sessions // per_user)
    logins = [user for user in users for _ in range(per_user)]
    for start in range(0, len(logins), AT_ONCE):
        await asyncio.gather(*(open_session(store, user, per_user) for user in logins[start : start + AT_ONCE]))
    after = int((await connection.redis.info("memory"))["used_memory"])
    return (after - before) / len(logins)


async def measure(url: str, sessions: int) -> None:
    connection = Connection(url, timeout=10)
    print("| sessions per user | bytes per session | sessions per GB of data | per 8 GB machine, 60 % of it data |")
    print("|---|---|---|---|")
    for per_user in PER_USER:
        size = await bytes_per_session(connection, sessions, per_user)
        print(f"| {per_user} | {size:.0f} | {GB / size:,.0f} | {8 * GB * SPARE / size:,.0f} |")
    await connection.redis.execute_command("FLUSHALL", "SYNC")  # type: ignore[no-untyped-call]
    await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--redis", metavar="URL", help="an EMPTY server to measure on, for instance one that you use")
    chosen = parser.parse_args()
    if chosen.redis:
        asyncio.run(measure(chosen.redis, chosen.sessions))
        return
    with own_server() as url:
        asyncio.run(measure(url, chosen.sessions))


if __name__ == "__main__":
    main()
