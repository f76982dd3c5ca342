"""`run.py migrate`, and the database brought up to date before a start."""

import asyncio
import logging
import sys
from argparse import Namespace

from config import Settings
from service.backing import connections
from service.errors import ServiceUnavailable
from service.stores.database_errors import describe
from service.stores.outages import database_place

log = logging.getLogger(__name__)


def run(settings: Settings, _: Namespace) -> int:
    """Apply the pending migrations, and print their names. Returns the exit code."""
    applied = asyncio.run(migrate(settings))
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")
    return 0


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
    except ServiceUnavailable as error:
        log.warning(
            "the %s %s; serving all the same, and logins will fail", database_place(settings), describe(error.__cause__)
        )
        return True
    finally:
        await database.close()
    if pending:
        print(f"the database lacks {', '.join(pending)}; type: latch migrate", file=sys.stderr)
    return not pending


async def migrate(settings: Settings) -> list[str]:
    """Apply the pending migrations. Returns their names."""
    _, database = connections(settings)
    await database.open()
    try:
        return await database.migrate()
    finally:
        await database.close()
