"""Real servers that break under a running app: 503 within a time, never a log-out, and all well again by itself.

bench/faults.py does the same under load and prints what docs/faults.md shows; here is what must never break.
What the stores alone make of each fault is in tests/stores/redis/test_connection.py and tests/stores/test_database.py.
"""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.exceptions import RedisError

from bench.fault_cases import workers
from bench.fault_postgres import Postgres
from bench.fault_servers import APPEND_ONLY, Cluster, Node, Watched, servers
from service.stores.database import Database
from tests.client import BASE, MOBILE, Api, bearer, error
from tests.conftest import Clock, Start
from tests.processes import PATIENCE, Service
from tests.topologies import SLOTS

pytestmark = pytest.mark.slow

SOON = 6.0  # seconds; the promise is 2, and this machine may be slow
STORES = {"redis_timeout": 1.0, "database_timeout": 1.0, "stores_timeout": 1.5}
CAN_BE_FULL = Path("/dev/full").exists()
LEASE = 3.1  # seconds; a code stays lent for so long to a login that broke off
BROKEN = 503
OK = {200, 204}

Tokens = dict[str, Any]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with servers() as started:
        yield started.node(*APPEND_ONLY)


async def timed(answer: Awaitable[httpx.Response]) -> httpx.Response:
    start = time.monotonic()
    response = await answer
    assert time.monotonic() - start < SOON
    return response


async def every_route(api: Api, tokens: Tokens, code: str) -> dict[str, int]:
    """The status of each, all at once, none of them late."""
    requests = {
        "check": api.check(tokens["token"]),
        "who": api.who(tokens["token"]),
        "refresh": api.refresh(tokens["refresh_token"]),
        "list": api.request("GET", f"{BASE}/sessions", headers=bearer(tokens["token"])),
        "login": api.post_login(MOBILE, code),
        "code": api.send_code("13900139000"),
        "ready": api.request("GET", "/readyz"),
    }
    answers = await asyncio.gather(*(timed(request) for request in requests.values()))
    for answer in answers:
        assert answer.status_code == 200 or error(answer) == (BROKEN, "service_unavailable")
    return dict(zip(requests, [answer.status_code for answer in answers], strict=True))


async def eventually(question: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Ask until it is a success: there is no more to be done than to wait. Until then it is 503, and nothing else."""
    deadline = time.monotonic() + PATIENCE
    while (response := await question()).status_code == BROKEN:
        assert time.monotonic() < deadline, response.text
        await asyncio.sleep(0.05)
    assert response.status_code in OK, response.text
    return response


async def log_in(api: Api, mobile: str = MOBILE) -> Tokens:
    """Log in, however often it takes on a machine that is slow or has just been mended."""
    await eventually(lambda: api.send_code(mobile))
    code = api.phone.code(mobile)
    data: Tokens = (await eventually(lambda: api.post_login(mobile, code))).json()["data"]
    return data


FAULTS: dict[str, tuple[Callable[[Node], object], Callable[[Node], object], set[str]]] = {
    # How it breaks, how it heals, and what goes on meanwhile.
    "killed": (Node.kill, Node.start, set()),
    "paused": (Node.pause, Node.resume, set()),
    "out of memory": (Node.fill, Node.empty, {"check", "who", "list", "ready"}),
    "a read-only replica": (Node.become_replica, Node.become_master, {"check", "who", "list", "ready"}),
    "its disk full": (Node.fill_disk, Node.free_disk, {"check", "who", "list"}),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_redis_in_trouble_is_503_soon_and_costs_no_session(
    start: Start, node: Node, clock: Clock, fault: str
) -> None:
    if fault == "its disk full" and not CAN_BE_FULL:
        # macOS has none: told, and no failure.
        pytest.skip("this system has no /dev/full to stand for a full disk")
    breaks, heals, goes_on = FAULTS[fault]
    api = await start(redis_url=f"redis://127.0.0.1:{node.port}", **STORES)
    tokens, ended = await log_in(api), await log_in(api)
    await eventually(lambda: api.log_out(ended["token"]))
    await eventually(api.send_code)
    code = api.phone.code(MOBILE)

    await asyncio.to_thread(breaks, node)
    try:
        statuses = await every_route(api, tokens, code)
    finally:
        await asyncio.to_thread(heals, node)
    assert {name for name, status in statuses.items() if status == 200} <= goes_on

    assert (await eventually(lambda: api.check(tokens["token"]))).status_code == 200
    fresh = (await eventually(lambda: api.refresh(tokens["refresh_token"]))).json()["data"]
    assert (await eventually(lambda: api.who(fresh["token"]))).status_code == 200
    assert error(await api.check(ended["token"])) == (401, "session_ended")
    clock.wait(LEASE)  # if the login took the code before Redis refused to write, it could not be given back
    await log_in(api)


async def test_a_master_that_dies_is_followed_by_its_replica(start: Start) -> None:
    with servers() as started:
        watched = Watched(started, down_after=1500)
        api = await start(redis_url=watched.url, **STORES)
        tokens = await log_in(api)
        with suppress(RedisError):  # unless the machine was so slow that it is the master no more
            watched.master.client.wait(1, 10_000)  # for the replica to have it
        watched.master.kill()
        await every_route(api, tokens, "000000")
        assert (await eventually(lambda: api.check(tokens["token"]))).status_code == 200
        await log_in(api)


async def test_the_users_of_a_lost_cluster_node_get_503_and_the_others_notice_nothing(start: Start) -> None:
    with servers() as started:
        cluster = Cluster(started, node_timeout=8_000)  # nobody is declared dead because this machine is slow
        api = await start(redis_url=cluster.url, sms_min_conversion=0)
        people = [await log_in(api, f"137{n:08}") for n in range(12)]
        lost = cluster.nodes[1]

        def is_lost(person: Tokens) -> bool:
            slot = int(cluster.nodes[2].client.cluster("KEYSLOT", f"sessions:{{{person['user_id']}}}"))
            return SLOTS // 3 <= slot < 2 * SLOTS // 3

        lost.kill()
        for _ in range(3):
            answers = await asyncio.gather(*(timed(api.check(person["token"])) for person in people))
            expected = [BROKEN if is_lost(person) else 200 for person in people]
            assert [answer.status_code for answer in answers] == expected
            assert len(set(expected)) == 2
        lost.start()
        for person in people:
            assert (await eventually(lambda person=person: api.check(person["token"]))).status_code == 200  # type: ignore[misc]


@pytest.fixture(scope="module")
def my_postgres() -> Iterator[Postgres]:
    """One of our own, to be broken."""
    with ExitStack() as stack:
        yield Postgres(stack)


@pytest.mark.parametrize(
    ("breaks", "heals"),
    [(Postgres.pause, Postgres.resume), (Postgres.stop, Postgres.start)],
    ids=["paused", "stopped"],
)
async def test_without_postgres_logins_are_503_soon_and_the_logged_in_notice_nothing(
    start: Start, my_postgres: Postgres, breaks: Callable[[Postgres], None], heals: Callable[[Postgres], None]
) -> None:
    database = Database(my_postgres.url, timeout=PATIENCE, pool_size=1)
    await database.open()
    await database.migrate()
    await database.close()
    api = await start(database_url=my_postgres.url, database_timeout=1.0)
    tokens = await log_in(api)
    code = await api.new_code()
    await asyncio.to_thread(breaks, my_postgres)
    try:
        statuses = await every_route(api, tokens, code)
    finally:
        await asyncio.to_thread(heals, my_postgres)
    gone = {"login", "who", "ready"}
    assert statuses == {name: BROKEN if name in gone else 200 for name in statuses}
    assert (await eventually(lambda: api.post_login(MOBILE, code))).status_code == 200


async def test_with_the_sqlite_file_locked_logins_are_503_soon_and_the_logged_in_notice_nothing(
    start: Start, tmp_path: Path
) -> None:
    api = await start(database_timeout=1.0)
    tokens, code = await log_in(api), await api.new_code()
    with closing(sqlite3.connect(tmp_path / "latch.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        statuses = await every_route(api, tokens, code)
    assert {name for name, status in statuses.items() if status == BROKEN} <= {"login", "who", "ready"}
    assert statuses["login"] == BROKEN
    assert (await eventually(lambda: api.post_login(MOBILE, code))).status_code == 200


def test_a_worker_that_is_killed_is_replaced(folder: Path) -> None:
    with Service(folder, WORKERS=2) as service:
        tokens = service.log_in()
        deadline = time.monotonic() + PATIENCE
        while service.text().count("Worker ready") < 2:  # one alone has answered so far
            assert time.monotonic() < deadline, service.text()
            time.sleep(0.05)
        before = workers(service)
        os.kill(before[0], signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while len(set(workers(service)) - {before[0]}) < 2:
            assert time.monotonic() < deadline, service.text()
            time.sleep(0.05)
        service.http.close()
        with httpx.Client(base_url=f"http://127.0.0.1:{service.port}", timeout=PATIENCE, trust_env=False) as http:
            assert http.get(f"{BASE}/authorizations", headers=bearer(tokens["token"])).status_code == 200
        assert service.stop() == 0
