"""What `check` says of the database: does it answer, does it take writes, may we, and is it up to date."""

from config import Settings
from service.commands.findings import Finding, Level
from service.errors import ServiceUnavailable
from service.stores.database import Database
from service.stores.database_errors import describe
from service.stores.outages import database_place


async def of_database(settings: Settings, database: Database) -> list[Finding]:
    """What there is to say of it, in one line."""
    place = database_place(settings)
    try:
        pending = await database.pending()
        denied = [] if pending else await database.denied()
    except ServiceUnavailable as error:
        return [Finding(Level.BAD, f"{place} {describe(error.__cause__)}")]
    if denied:
        return [Finding(Level.BAD, f"{place} lets this role not {' or '.join(denied)} in the table users")]
    if not pending:
        return [Finding(Level.GOOD, f"{place} answers and is up to date")]
    if settings.database_is_embedded:
        return [Finding(Level.GOOD, f"{place} answers; the next start applies {', '.join(pending)}")]
    return [Finding(Level.BAD, f"{place} lacks {', '.join(pending)}; type: latch migrate")]


def of_url(settings: Settings) -> list[Finding]:
    """The options of DATABASE_URL that do nothing here."""
    return [Finding(Level.WARN, f"DATABASE_URL: {note}") for note in settings.database_notes]
