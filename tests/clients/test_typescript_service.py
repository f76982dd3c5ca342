"""The TypeScript client in Node against a real Latch: refreshes, ends with their reasons, a Redis that is gone."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from service.embedded.redis_server import EmbeddedRedis
from tests.client import MOBILE
from tests.clients.node import Driver, driver
from tests.processes import ROOT, Service, run

PROGRAM = ROOT / "tests" / "clients" / "typescript_driver.mjs"
GONE, OTHER = "13900139000", "13700137000"

pytestmark = pytest.mark.slow


def settings_of(folder: Path) -> dict[str, Any]:
    """Of a Latch whose Redis is not its own."""
    return {"REDIS_URL": f"unix://{folder}/store.sock", "CODE_PEPPER": "p" * 32}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="latch-") as folder:  # a socket's path is short
        yield Path(folder)


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[EmbeddedRedis]:
    """A Redis that Latch does not start again by itself."""
    server = EmbeddedRedis(folder / "store", folder / "store.sock")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def latch(folder: Path, store: EmbeddedRedis) -> Iterator[Service]:
    assert store
    with Service(folder / "data", **settings_of(folder), REDIS_TIMEOUT=0.5) as service:
        yield service


@pytest.fixture
def redis(folder: Path) -> Iterator[Redis]:
    with Redis(unix_socket_path=str(folder / "store.sock")) as client:
        yield client


@pytest.fixture
def client(latch: Service) -> Iterator[Driver]:
    with driver(PROGRAM, {"LATCH_URL": f"http://127.0.0.1:{latch.port}"}) as told:
        yield told


def log_in(client: Driver, latch: Service, mobile: str = MOBILE) -> str:
    """Returns the session's id."""
    assert client.tell(do="requestCode", mobile=mobile)["resendAfter"] >= 0
    outcome = client.tell(do="logIn", mobile=mobile, code=latch.last_code(mobile))
    assert outcome["userId"] > 0
    return str(outcome["sessionId"])


def work(client: Driver, times: int = 1) -> set[object]:
    return set(client.tell(do="work", times=times))


def test_a_device_logs_in_is_listed_under_its_name_and_logs_out(client: Driver, latch: Service) -> None:
    session = log_in(client, latch)
    assert work(client, 5) == {200}
    [device] = [one for one in client.tell(do="call", method="GET", path="/sessions")["sessions"] if one["current"]]
    assert (device["id"], device["device"]) == (session, "Node’s")
    token = client.tell(do="token")
    assert client.tell(do="logOut") is True
    assert not latch.is_live(token)
    assert client.tell(do="reasons") == ["logged_out"]


def test_a_wrong_code_is_told(client: Driver) -> None:
    assert client.tell(do="logIn", mobile=MOBILE, code="000000") == "invalid_code"


def test_access_tokens_that_are_deleted_cost_one_refresh_and_no_login(
    client: Driver, latch: Service, redis: Redis
) -> None:
    session = log_in(client, latch)
    for _ in range(3):
        redis.delete(*redis.keys(f"token:*:{session}:*"))
        assert work(client, 20) == {200}
        assert len(redis.keys(f"token:*:{session}:*")) == 1
    assert client.tell(do="reasons") == []


def test_a_session_that_is_revoked_is_told_with_the_reason(client: Driver, latch: Service, folder: Path) -> None:
    log_in(client, latch, OTHER)
    done = run(f"revoke {OTHER} --yes", folder / "data", **settings_of(folder))
    assert done.returncode == 0, done.stderr
    assert work(client) == {"session_ended"}
    assert client.tell(do="reasons") == ["revoked"]
    assert client.tell(do="state") == {"loggedIn": False, "reason": "revoked"}
    log_in(client, latch, OTHER)
    assert work(client) == {200}


def test_a_session_whose_keys_are_deleted_is_over_without_a_reason(
    client: Driver, latch: Service, redis: Redis
) -> None:
    session = log_in(client, latch, GONE)
    assert redis.delete(*redis.keys(f"session:*:{session}")) == 1
    assert work(client, 3) <= {"invalid_refresh_token", "session_ended"}
    assert work(client) == {401}  # without a token
    assert client.tell(do="reasons") == ["expired"]


def test_while_redis_is_gone_nobody_is_logged_out(
    client: Driver, latch: Service, redis: Redis, store: EmbeddedRedis
) -> None:
    session = log_in(client, latch)
    redis.delete(*redis.keys(f"token:*:{session}:*"))
    store.stop()
    assert work(client, 3) == {503}
    assert client.tell(do="state")["loggedIn"]
    store.start()
    assert work(client, 3) == {200}
    assert client.tell(do="reasons") == []
