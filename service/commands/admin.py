"""`run.py admin`: the private listener alone, of a service that runs elsewhere or with ADMIN_PORT=0."""

import asyncio
import logging
from argparse import Namespace
from functools import partial

from config import Settings, SettingsError
from service.commands import http_server, migrate, server, signals
from service.commands.worker import PRIVATE, built

DONE, FAILED = 0, 1

log = logging.getLogger(__name__)


def run(settings: Settings, _: Namespace) -> int:
    """Serve operators until SIGINT, SIGTERM or a terminal's SIGHUP."""
    place = server.private(settings)
    if place is None:
        raise SettingsError("ADMIN_PORT: should be a port here; 0 is for a service without a private listener")
    signals.interrupt_once()  # until the server's own handlers stand
    try:
        with server.bound(place, None) as listener:
            if not asyncio.run(migrate.database_is_current(settings)):
                return FAILED
            server.listen(listener, place)
            say_where = partial(print, f"Latch listens for operators on {place.address}", flush=True)
            http_server.run(built(PRIVATE, settings), listener, server.stop_on_signals, say_where)
    except KeyboardInterrupt:
        log.info("stopped before it served")
    return DONE
