"""Puts the app on the network: one server in this process, or several in processes of their own, until a signal."""

import asyncio
import errno
import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import config
from config import Settings, SettingsError
from service.commands import http_server, signals
from service.commands.beside import AdminProcess
from service.commands.http_server import BACKLOG, ORPHAN_GRACE, StopRequest
from service.commands.worker import PUBLIC, built
from service.commands.workers import Workers
from service.embedded.data_dir import has_workers, held_by_workers
from service.observability import metrics

SPARE_FILES = 256  # for all that a worker opens besides connections
LEFT_PATIENCE = ORPHAN_GRACE + 10.0  # seconds that workers of a killed run get to leave the port
POLL = 0.05


class Place(NamedTuple):
    """Where to listen. `settings` are the names of those that say so."""

    settings: str
    host: str
    port: int

    @property
    def address(self) -> str:
        """Where somebody on this machine finds it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - where to ask it
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


class Listeners(NamedTuple):
    """The sockets of a service; `private` is None where ADMIN_PORT is 0."""

    public: socket.socket
    private: socket.socket | None


def public(settings: Settings) -> Place:
    """Where apps find the service."""
    return Place("HOST, PORT", settings.host, settings.port)


def private(settings: Settings) -> Place | None:
    """Where operators find it; None where ADMIN_PORT is 0."""
    place = Place("ADMIN_HOST, ADMIN_PORT", settings.admin_host, settings.admin_port)
    return place if settings.admin_port else None


@contextmanager
def all_bound(settings: Settings, folder: Path | None) -> Iterator[Listeners]:
    """All sockets of a service, as `bound` makes them."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(bound(public(settings), folder))]
        if place := private(settings):
            sockets.append(stack.enter_context(bound(place, folder)))
        yield Listeners(sockets[0], sockets[1] if place else None)


@contextmanager
def bound(place: Place, folder: Path | None) -> Iterator[socket.socket]:
    """A socket on this place, not yet listening, for as long as the block runs.

    Waits for processes that a killed run has left; their lock is in `folder`. Raises SettingsError where it cannot be
    had.
    """
    deadline = time.monotonic() + LEFT_PATIENCE
    while True:
        try:
            listener = _bind(place)
            break
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline or not has_workers(folder):
                raise _refused(place, error) from None
            time.sleep(POLL)
    with listener:
        yield listener


def _bind(place: Place) -> socket.socket:
    found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # `localhost` is both, and people mean IPv4
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def listen(listener: socket.socket, place: Place) -> None:
    """Take connections. Raises SettingsError where somebody else has begun to do so meanwhile."""
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        raise _refused(place, error) from None


def _refused(place: Place, error: OSError) -> SettingsError:
    return SettingsError(f"{place.settings}: cannot listen on {place.host}:{place.port}: {error.strerror}")


def serve_on(listeners: Listeners, settings: Settings, folder: Path | None, told: str = "") -> bool:
    """Serve until a signal; the next ones are ignored. False where it could not begin.

    `told` is printed when it serves, after where it does.

    Raises SettingsError where somebody else has begun to listen meanwhile.
    """
    _allow_files(settings.max_connections + SPARE_FILES)
    for listener, place in zip(listeners, (public(settings), private(settings)), strict=True):
        if listener and place:
            listen(listener, place)
    os.environ["SANIC_IGNORE_PRODUCTION_WARNING"] = "true"  # it would advise people at a terminal to serve with --debug
    say_where = partial(print, _banner(settings) + told, flush=True)
    if folder is None or (settings.workers == 1 and listeners.private is None):
        http_server.run(built(PUBLIC, settings), listeners.public, stop_on_signals, say_where)
        return True
    metrics.share(folder.resolve() / "metrics")
    with held_by_workers(folder) as lock, AdminProcess(settings, listeners.private, lock) as beside:

        def ready() -> None:
            say_where()
            beside.start()  # no sooner: whoever waits for the service waits for no operator

        if settings.workers > 1:
            return Workers(settings, listeners.public, lock).run(ready)
        http_server.run(built(PUBLIC, settings), listeners.public, stop_on_signals, ready)
        return True


def stop_on_signals(request: StopRequest) -> None:
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


def _banner(settings: Settings) -> str:
    address = public(settings).address
    redis = (
        f"embedded, {settings.redis_socket}" if settings.redis_is_embedded else config.public(settings.redis_location)
    )
    operators = f"\n  Console   {settings.console_address}" if settings.admin_port else ""
    json = "-H 'Content-Type: application/json'"
    return f"""
Latch listens on {address}
  Redis     {redis}
  Database  {config.public(settings.database_location)}
  SMS       {", ".join(settings.sms_sender)}
  API       {address}/docs{operators}

Log in:
  curl {json} -d '{{"mobile":"13800138000"}}' {address}/app/v1_0/sms/codes
  curl {json} -d '{{"mobile":"13800138000","code":"<the code>"}}' {address}/app/v1_0/authorizations
Stop with Ctrl-C.
"""
