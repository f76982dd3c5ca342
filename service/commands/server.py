"""Puts the app on the network: one server in this process, or several in processes of their own, until a signal."""

import asyncio
import errno
import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import config
from config import Settings, SettingsError
from service.commands import http_server, signals
from service.commands.http_server import BACKLOG, ORPHAN_GRACE, StopRequest
from service.commands.worker import built
from service.commands.workers import Workers
from service.embedded.data_dir import has_workers, held_by_workers
from service.observability.metrics import SHARED_DIR

SPARE_FILES = 256  # for all that a worker opens besides connections
LEFT_PATIENCE = ORPHAN_GRACE + 10.0  # seconds that workers of a killed run get to leave the port
POLL = 0.05


@contextmanager
def bound(settings: Settings, folder: Path | None) -> Iterator[socket.socket]:
    """A socket on HOST and PORT, not yet listening, for as long as the block runs.

    Waits for workers that a killed run has left; their lock is in `folder`. Raises SettingsError where HOST and PORT
    cannot be had.
    """
    deadline = time.monotonic() + LEFT_PATIENCE
    while True:
        try:
            listener = _bind(settings)
            break
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline or not has_workers(folder):
                raise _refused(settings, error) from None
            time.sleep(POLL)
    with listener:
        yield listener


def _bind(settings: Settings) -> socket.socket:
    found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # `localhost` is both, and people mean IPv4
    family, kind, protocol, _, address = min(found, key=lambda place: place[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _refused(settings: Settings, error: OSError) -> SettingsError:
    return SettingsError(f"HOST, PORT: cannot listen on {settings.host}:{settings.port}: {error.strerror}")


def serve_on(listener: socket.socket, settings: Settings, folder: Path | None) -> bool:
    """Serve until a signal; the next ones are ignored. False where it could not begin.

    Raises SettingsError where somebody else has begun to listen meanwhile.
    """
    _allow_files(settings.max_connections + SPARE_FILES)
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        raise _refused(settings, error) from None
    os.environ["SANIC_IGNORE_PRODUCTION_WARNING"] = "true"  # it would advise people at a terminal to serve with --debug
    say_where = partial(print, _banner(settings), flush=True)
    if settings.workers == 1 or folder is None:
        http_server.run(built(settings), listener, _stop_on_signals, say_where)
        return True
    with held_by_workers(folder) as lock:
        _share_metrics(folder)
        return Workers(settings, listener, lock).run(say_where)


def _stop_on_signals(request: StopRequest) -> None:
    """The first signal stops the server. A second one would cut requests off, and leave the embedded Redis."""
    loop = asyncio.get_running_loop()
    heard = signals.wanted()

    def pass_over_the_next(_: StopRequest) -> None:
        with signals.held():  # between the two it would end the process
            for number in heard:
                loop.remove_signal_handler(number)
            signals.ignore()

    request.add_done_callback(pass_over_the_next)
    for number in heard:
        loop.add_signal_handler(number, http_server.request_stop, request)


def _allow_files(wanted: int) -> None:
    """Ask for as many open files as the bound on connections needs: the usual 1024 are fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _share_metrics(data_dir: Path) -> None:
    folder = data_dir.resolve() / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob("*.db"):
        left_over.unlink()
    os.environ[SHARED_DIR] = str(folder)


def _banner(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    address = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    public = config.public(settings.redis_location)
    redis = f"embedded, {settings.redis_socket}" if settings.redis_is_embedded else public
    json = "-H 'Content-Type: application/json'"
    return f"""
Latch listens on {address}
  Redis     {redis}
  Database  {config.public(settings.database_location)}
  SMS       {", ".join(settings.sms_sender)}
  API       {address}/docs

Log in:
  curl {json} -d '{{"mobile":"13800138000"}}' {address}/app/v1_0/sms/codes
  curl {json} -d '{{"mobile":"13800138000","code":"<the code>"}}' {address}/app/v1_0/authorizations
Stop with Ctrl-C.
"""
