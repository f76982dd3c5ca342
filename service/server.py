"""Puts the app on the network: one process, or several under Sanic's worker manager, until a signal ends them."""

import gc
import logging
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from sanic import Sanic
from sanic.server.socket import bind_socket
from sanic.worker.constants import ProcessState
from sanic.worker.loader import AppLoader

import config
from config import Settings, SettingsError
from service.app import build
from service.metrics import SHARED_DIR
from service.routes.protocol import BoundedProtocol
from service.routes.requests import App

BACKLOG = 1024  # connections that wait to be accepted
STOPPING = {signal.SIGINT, signal.SIGTERM}
SPARE_FILES = 256  # for all that a worker opens besides connections
ENDED = {ProcessState.FAILED, ProcessState.COMPLETED}
RESTART_PAUSE = 1.0  # seconds between two looks at workers that have died: one that cannot start is no busy loop

log = logging.getLogger(__name__)


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """A socket on HOST and PORT, open for as long as the block runs. Raises SettingsError where they cannot be had."""
    try:
        listener = bind_socket(settings.host, settings.port, backlog=BACKLOG)
    except OSError as error:
        raise SettingsError(f"HOST, PORT: cannot listen on {settings.host}:{settings.port}: {error.strerror}") from None
    with listener:
        yield listener


def serve_on(listener: socket.socket, settings: Settings) -> None:
    """One worker serves in this process; more are processes of their own, under Sanic's manager."""
    alone = settings.workers == 1
    _allow_files(settings.max_connections + SPARE_FILES)
    if not alone:
        _share_metrics(settings)
    app = _build(settings)
    app.prepare(sock=listener, workers=settings.workers, single_process=alone, motd=False, protocol=BoundedProtocol)
    if alone:
        app.after_server_start(_say_where)
        Sanic.serve_single(primary=app)
    else:
        app.main_process_ready(_hold_signals)
        app.main_process_ready(partial(_supervise, listener))
        app.main_process_ready(_say_where)
        Sanic.serve(primary=app, app_loader=AppLoader(factory=partial(_build_in_worker, settings)))


def _build(settings: Settings) -> App:
    app = build(settings)
    app.after_server_start(_keep)
    app.before_server_stop(_stop_once)
    return app


def _keep(_app: App) -> None:
    """What there is now stays as long as the worker: it need not be looked at for garbage again and again."""
    gc.collect()
    gc.freeze()


def _allow_files(wanted: int) -> None:
    """Ask for as many open files as the bound on connections needs: the usual 1024 are fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _stop_once(_app: App) -> None:
    """The stop that has begun ends in time. A second signal would cut requests off, and leave the embedded Redis."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


def _supervise(listener: socket.socket, app: App) -> None:
    """Start workers again that have died, which Sanic's manager leaves to us, and stop without haste.

    The manager would stop in its signal handler, and there ask the process that keeps the workers' states, wherever the
    signal found it: also in the middle of another such question, whose answer it would then take for its own. Here the
    signal is noted, and the stop begins between two questions.
    """
    manager = app.manager
    look, shut_down = manager._sync_states, manager.shutdown  # noqa: SLF001 - there is no public way
    looked = 0.0
    told: list[int] = []
    for number in STOPPING:
        signal.signal(number, lambda received, _: told.append(received))

    def look_and_start_again() -> None:
        nonlocal looked
        look()  # type: ignore[no-untyped-call]
        if told:
            manager.shutdown_signal(told[0], None)  # type: ignore[no-untyped-call]
        if manager._shutting_down or time.monotonic() - looked < RESTART_PAUSE:  # noqa: SLF001
            return
        looked = time.monotonic()
        for process in manager.processes:
            if process.state in ENDED:
                log.error("worker %s has died (%s); starting it again", process.pid, process.exitcode)
                process.restart()

    def shut_down_once() -> None:
        _stop_once(app)
        listener.close()  # or else connections would wait here for workers that have closed theirs
        shut_down()  # type: ignore[no-untyped-call]

    manager._sync_states = look_and_start_again  # type: ignore[method-assign]  # noqa: SLF001
    manager.shutdown = shut_down_once  # type: ignore[method-assign]


def _say_where(app: App) -> None:
    print(_banner(app.ctx.settings), flush=True)


def _hold_signals(app: App) -> None:
    """Let a signal wait until every worker is up.

    Sanic's manager cannot be stopped while it waits for its workers: it would wait for half a minute and then kill the
    whole process group. Workers inherit the block and lift it in `_build_in_worker`.
    """
    manager = app.manager
    wait = manager.wait_for_ack
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)

    def wait_and_let_go() -> None:
        wait()  # type: ignore[no-untyped-call]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

    manager.wait_for_ack = wait_and_let_go  # type: ignore[method-assign]


def _build_in_worker(settings: Settings) -> App:
    """Build the app in a worker that hears of a Ctrl-C from the manager alone, not also from the terminal."""
    os.setpgid(0, 0)
    held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    for number in STOPPING:
        # Drops what has been waiting; Sanic sets its handlers later. A worker that takes a dead one's place may be told
        # to stop meanwhile, and has nothing to lose.
        signal.signal(number, signal.SIG_IGN if held >= STOPPING else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    return _build(settings)


def _share_metrics(settings: Settings) -> None:
    folder = settings.data_dir.resolve() / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob("*.db"):
        left_over.unlink()
    os.environ[SHARED_DIR] = str(folder)


def _banner(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    address = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    redis = (
        f"embedded, {settings.redis_socket}" if settings.redis_is_embedded else config.public(settings.redis_location)
    )
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
