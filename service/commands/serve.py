"""`run.py serve`: what comes before serving, the serving, and the exit code."""

import asyncio
import logging
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from config import Settings, SettingsError
from service.commands import check, first_operator, migrate, server, signals
from service.commands.findings import Finding, Level
from service.embedded.data_dir import folder_of_a_run
from service.embedded.running import embedded_redis

DONE, FAILED = 0, 1

log = logging.getLogger(__name__)


def run(settings: Settings, _: Namespace) -> int:
    """Serve until SIGINT, SIGTERM or a terminal's SIGHUP. A start that fails leaves a Redis that it found running."""
    signals.interrupt_once()  # until the server's own handlers stand
    _say(check.of_settings(settings))
    try:
        with (
            folder_of_a_run(settings) as folder,
            server.all_bound(settings, folder) as listeners,
            embedded_redis(settings) as redis,
        ):
            if not _serve(listeners, settings, folder):
                return FAILED
            redis.keep()
    except KeyboardInterrupt:
        log.info("stopped before it served")
    return DONE


def _serve(listeners: server.Listeners, settings: Settings, folder: Path | None) -> bool:
    """Whether the service has ended because somebody stopped it."""
    try:
        return _prepare(settings) and server.serve_on(listeners, settings, folder, first_operator.told(settings))
    except KeyboardInterrupt:
        log.info("stopped before it served")
        return True


def _prepare(settings: Settings) -> bool:
    if not settings.redis_is_embedded:
        _say(asyncio.run(check.diagnose(settings, redis_alone=True)))
    return asyncio.run(migrate.database_is_current(settings))


def _say(findings: Sequence[Finding]) -> None:
    """Warn once, and not once per worker. Raises SettingsError where nobody could be served."""
    for finding in findings:
        if finding.away:
            log.warning("%s; serving all the same, and answering 503 until it does", finding.text)
        elif finding.level is Level.BAD:
            raise SettingsError(finding.text)
        elif finding.level is Level.WARN:
            log.warning(finding.text)
