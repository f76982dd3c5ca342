"""The embedded Redis: its data, its socket, its owner, and what an earlier run may have left behind."""

import os
import signal
import socket
import socketserver
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from service.embedded import redis_server
from service.embedded.data_dir import DataDirInUse, owned
from service.embedded.redis_server import SOCKET_PATH_LIMIT, EmbeddedRedis, EmbeddedRedisError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

Make = Callable[..., EmbeddedRedis]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: a socket's path may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="latch-") as name:
        yield Path(name).resolve()


@pytest.fixture
def make(folder: Path) -> Iterator[Make]:
    """Make a server in a folder, by default the one above; those that run at the end of the test are stopped."""
    made: list[tuple[EmbeddedRedis, Path]] = []

    def maker(data_dir: Path = folder, socket: Path | None = None) -> EmbeddedRedis:
        path = socket or data_dir / "redis.sock"
        made.append((EmbeddedRedis(data_dir, path), path))
        return made[-1][0]

    yield maker
    for server, path in reversed(made):
        server.stop()
        if server.answers():  # left behind, and the test failed before it was taken over
            with Redis(unix_socket_path=str(path), retry=Retry(NoBackoff(), 0)) as left:
                left.shutdown(nosave=True)


@pytest.fixture
def client(folder: Path) -> Iterator[Redis]:
    retry = Retry(NoBackoff(), 0)
    with Redis(unix_socket_path=str(folder / "redis.sock"), decode_responses=True, retry=retry) as client:
        yield client


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python in another process, and answer when it is over."""
    command = [sys.executable, "-c", code, *(str(argument) for argument in arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=20)


def process_of(client: Redis) -> int:
    return int(client.info("server")["process_id"])


def kill(server: EmbeddedRedis, client: Redis) -> None:
    """End the server as the kernel does that is out of memory, and wait until it is gone."""
    os.kill(process_of(client), signal.SIGKILL)
    while server.answers():
        time.sleep(0.001)


START = """
import sys, pathlib
from service.embedded.redis_server import EmbeddedRedis
folder = pathlib.Path(sys.argv[1])
EmbeddedRedis(folder, folder / "redis.sock").start()
"""
OWN = """
import sys, os, pathlib
from service.embedded.data_dir import DataDirInUse, owned
try:
    with owned(pathlib.Path(sys.argv[1])):
        print(os.getpid(), flush=True)
        os._exit(0)
except DataDirInUse as error:
    sys.exit(str(error))
"""


def test_data_is_kept_over_a_restart(make: Make, client: Redis) -> None:
    first, second = make(), make()
    first.start()
    client.set("key", "value", ex=1000)
    first.stop()
    second.start()
    assert client.get("key") == "value"
    assert 990 < int(str(client.ttl("key"))) <= 1000


def test_a_stopped_server_is_gone_with_its_socket(make: Make, client: Redis, folder: Path) -> None:
    server = make()
    server.start()
    assert client.ping()
    server.stop()
    assert not (folder / "redis.sock").exists()
    with pytest.raises(RedisConnectionError):
        client.ping()


def test_only_the_owner_may_open_the_socket_and_the_data(make: Make, folder: Path) -> None:
    make().start()
    for path in (folder / "redis.sock", folder / "redis"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_the_server_listens_on_no_port_evicts_nothing_and_writes_down_everything(make: Make, client: Redis) -> None:
    make().start()
    settings = client.config_get("port", "maxmemory-policy", "appendonly")
    assert settings == {"port": "0", "maxmemory-policy": "noeviction", "appendonly": "yes"}


def test_the_server_is_out_of_reach_of_a_ctrl_c_in_the_terminal(make: Make, client: Redis) -> None:
    make().start()
    assert os.getsid(process_of(client)) != os.getsid(0)


def test_a_folder_that_does_not_exist_yet_is_made(make: Make, folder: Path) -> None:
    server = make(folder / "with a space" / "data")
    server.start()
    server.stop()
    assert (folder / "with a space" / "data" / "redis").is_dir()


# --- What an earlier run left behind --------------------------------------------------------------------------------


def test_a_server_that_was_left_behind_is_taken_over_with_its_data(make: Make, client: Redis, folder: Path) -> None:
    started = run(START, folder)
    server = make()
    assert started.returncode == 0, started.stderr
    client.set("key", "value")
    process = process_of(client)
    server.start()
    assert process_of(client) == process
    assert client.get("key") == "value"
    server.keep()
    server.stop()
    assert not server.answers()


def test_a_server_that_was_found_running_is_left_running_by_who_does_not_keep_it(
    make: Make, client: Redis, folder: Path
) -> None:
    assert run(START, folder).returncode == 0
    process = process_of(client)
    passing_by = make()
    passing_by.start()
    passing_by.stop()
    assert process_of(client) == process


def test_a_server_is_stopped_by_its_owner_and_no_signal_to_all_processes_ends_it(
    make: Make, client: Redis, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = make()
    server.start()
    process = process_of(client)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(process, number)
    client.set("key", "value")
    assert process_of(client) == process
    server.stop()
    assert (folder / "redis" / "server.log").read_text().rstrip().endswith("bye bye...")
    assert not (folder / "redis" / "server.pid").exists()
    assert "was killed" not in caplog.text


class Loading(socketserver.StreamRequestHandler):
    """Answers every command as a server does that still reads its append-only file."""

    def handle(self) -> None:
        while self.rfile.readline():
            self.wfile.write(b"-LOADING Redis is loading the dataset in memory\r\n")


def test_a_server_that_was_left_behind_and_is_still_loading_is_waited_for_and_not_started_twice(
    make: Make, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_server, "START_TIMEOUT", 0.3)
    path = folder / "redis.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Loading) as left:
        left.daemon_threads = True
        threading.Thread(target=left.serve_forever, daemon=True).start()
        place = path.stat().st_ino
        with pytest.raises(EmbeddedRedisError, match="not ready"):
            make().start()
        assert path.stat().st_ino == place
        left.shutdown()


def test_a_socket_that_was_left_behind_is_in_nobodys_way(make: Make, client: Redis, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder / "redis.sock"))
    make().start()
    assert client.ping()


def test_a_server_that_dies_is_started_again_with_its_data(make: Make, client: Redis) -> None:
    server = make()
    server.start()
    client.config_set("appendfsync", "always")
    client.set("key", "value")
    kill(server, client)
    deadline = time.monotonic() + 10
    while not server.answers() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert client.get("key") == "value"


def test_stopping_a_server_that_died_is_no_error(make: Make, client: Redis) -> None:
    server = make()
    server.start()
    kill(server, client)
    server.stop()
    assert not server.answers()


def test_a_foreign_server_on_the_socket_is_refused_and_left_alone(make: Make, folder: Path) -> None:
    path = folder / "redis.sock"
    foreign = make(folder / "foreign", path)
    foreign.start()
    with pytest.raises(EmbeddedRedisError) as refused:
        make(folder / "mine", path).start()
    assert str(refused.value) == f"{path} belongs to a server with its data in {folder}/foreign/redis; stop it first"
    assert foreign.answers()


# --- What cannot be started -----------------------------------------------------------------------------------------


def path_of(length: int, folder: Path) -> Path:
    return folder / ("s" * (length - len(os.fsencode(folder)) - 1))


def test_a_socket_with_the_longest_path_works(make: Make, folder: Path) -> None:
    server = make(folder, path_of(SOCKET_PATH_LIMIT, folder))
    server.start()
    assert server.answers()


def test_a_socket_with_too_long_a_path_is_refused_before_anything_is_made(make: Make, folder: Path) -> None:
    path = path_of(SOCKET_PATH_LIMIT + 1, folder)
    with pytest.raises(EmbeddedRedisError, match=r"^DATA_DIR: .* choose a DATA_DIR with a shorter path$") as refused:
        make(folder / "data", path).start()
    assert f"{SOCKET_PATH_LIMIT + 1} bytes" in str(refused.value)
    assert f"{SOCKET_PATH_LIMIT} at most" in str(refused.value)
    assert not (folder / "data").exists()


def test_a_server_that_cannot_read_its_data_says_where_its_log_is(make: Make, folder: Path) -> None:
    appended = folder / "redis" / "appendonlydir"
    appended.mkdir(parents=True)
    (appended / "appendonly.aof.manifest").write_text("garbage\n")
    with pytest.raises(EmbeddedRedisError, match="did not start") as refused:
        make().start()
    log = folder / "redis" / "server.log"
    assert str(log) in str(refused.value)
    assert "manifest" in log.read_text()


# --- One owner ------------------------------------------------------------------------------------------------------


def test_a_second_process_is_refused_and_told_which_one_is_first(folder: Path) -> None:
    with owned(folder):
        second = run(OWN, folder)
    assert second.returncode == 1
    assert f"another Latch (process {os.getpid()}) is running on {folder}" in second.stderr
    assert "DATA_DIR of its own" in second.stderr


def test_a_second_holder_in_the_same_process_is_refused_too(folder: Path) -> None:
    with owned(folder), pytest.raises(DataDirInUse, match=str(os.getpid())), owned(folder):
        pass


def test_a_folder_is_free_again_after_its_owner(folder: Path) -> None:
    for _ in range(2):
        with owned(folder):
            pass


def test_a_folder_is_free_again_after_its_owner_died(folder: Path) -> None:
    died = run(OWN, folder)
    assert died.returncode == 0
    assert (folder / "run.lock").read_text() == died.stdout.strip()
    with owned(folder):
        assert (folder / "run.lock").read_text() == str(os.getpid())


def test_two_folders_have_two_owners(folder: Path) -> None:
    with owned(folder / "one"), owned(folder / "two"):
        pass
