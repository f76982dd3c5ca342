"""What comes before serving: the database brought up to date, and a look at the stores."""

import logging
import sys

from config import Settings
from service.app import connections
from service.commands import check
from service.errors import ServiceUnavailable

log = logging.getLogger(__name__)


async def database_is_current(settings: Settings) -> bool:
    """Migrate the embedded database; of another one, say what is pending. A database that is away may come back."""
    if settings.database_is_embedded:
        for name in await migrate(settings):
            log.info("applied migration %s", name)
        return True
    _, database = connections(settings)
    await database.open()
    try:
        pending = await database.pending()
    except ServiceUnavailable:
        log.warning("the database does not answer; serving all the same, and logins will fail until it does")
        return True
    finally:
        await database.close()
    if pending:
        print(f"the database lacks {', '.join(pending)}; type: python run.py migrate", file=sys.stderr)
    return not pending


async def migrate(settings: Settings) -> list[str]:
    """Apply the pending migrations. Answers their names."""
    _, database = connections(settings)
    await database.open()
    try:
        return await database.migrate()
    finally:
        await database.close()


async def diagnose(settings: Settings, *, redis_alone: bool = False) -> list[check.Finding]:
    """What there is to say of this installation, or of its Redis alone."""
    connection, database = connections(settings)
    await database.open()
    try:
        if redis_alone:
            return await check.of_redis(settings, connection)
        return await check.findings(settings, connection, database)
    finally:
        await connection.close()
        await database.close()
