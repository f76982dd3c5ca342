"""What `check` says of the database: does it answer, and is it up to date."""

from config import Settings, public
from service.commands.findings import Finding, Level
from service.errors import ServiceUnavailable
from service.stores.database import Database


async def of_database(settings: Settings, database: Database) -> list[Finding]:
    """What there is to say of it, in one line."""
    place = f"database at {public(settings.database_location)}"
    try:
        await database.ping()
        pending = await database.pending()
    except ServiceUnavailable:
        return [Finding(Level.BAD, f"{place} does not answer")]
    if not pending:
        return [Finding(Level.GOOD, f"{place} answers and is up to date")]
    if settings.database_is_embedded:
        return [Finding(Level.GOOD, f"{place} answers; the next start applies {', '.join(pending)}")]
    return [Finding(Level.BAD, f"{place} lacks {', '.join(pending)}; type: python run.py migrate")]
