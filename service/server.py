"""Puts the app on the network: one process, or several under Sanic's worker manager, until a signal ends them."""

import logging
import math
import os
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
from service.routes.requests import App

BACKLOG = 1024  # connections that wait to be accepted
REST = 1.0  # seconds between two starts of a worker that dies again and again
STARTS_WITHIN = 30.0  # seconds; a worker that takes longer is not waited for
STOPPING = {signal.SIGINT, signal.SIGTERM}

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
    if not alone:
        _share_metrics(settings)
    app = build(settings)
    app.prepare(sock=listener, workers=settings.workers, single_process=alone, motd=False)
    if alone:
        app.after_server_start(_say_where)
        Sanic.serve_single(primary=app)
    else:
        app.main_process_ready(_hold_signals)
        app.main_process_ready(_replace_the_dead)
        app.main_process_ready(_say_where)
        Sanic.serve(primary=app, app_loader=AppLoader(factory=partial(_build_in_worker, settings)))


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


def _replace_the_dead(app: App) -> None:
    """Start a worker again that died: killed for want of memory, say. Sanic's manager notes it, and that is all.

    Signals wait until the new one is up, as in `_hold_signals`: until then it would not hear that it should stop.
    """
    manager = app.manager
    note_states = manager._sync_states  # noqa: SLF001 - the one place in its loop where it has just looked
    replaced: dict[str, float] = {}  # when, by name: one that dies at once must not keep the machine busy

    def note_and_replace() -> None:
        note_states()  # type: ignore[no-untyped-call]
        for process in manager.processes:
            died = process.state is ProcessState.FAILED and not manager._shutting_down  # noqa: SLF001
            if died and time.monotonic() - replaced.get(process.name, -math.inf) > REST:
                log.error("worker %s has died and is replaced", process.pid)
                replaced[process.name] = time.monotonic()
                signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
                process.restart()
        if not any(process.state < ProcessState.ACKED and is_young(process.name) for process in manager.processes):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

    def is_young(name: str) -> bool:
        return time.monotonic() - replaced.get(name, -math.inf) < STARTS_WITHIN

    manager._sync_states = note_and_replace  # type: ignore[method-assign]  # noqa: SLF001


def _build_in_worker(settings: Settings) -> App:
    """Build the app in a worker that hears of a Ctrl-C from the manager alone, not also from the terminal."""
    os.setpgid(0, 0)
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)  # drops what has been waiting; Sanic sets its handlers later
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    return build(settings)


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
