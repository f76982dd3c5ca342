"""Use case: is this installation fit to serve? What `run.py check` prints."""

from dataclasses import dataclass
from enum import Enum

from config import Settings, SettingsError, public
from service import mobiles, senders, texts
from service.errors import ServiceUnavailable
from service.stores.connection import Connection
from service.stores.database import Database
from service.texts import Template

OLDEST_REDIS = (6, 2)


class Level(Enum):
    """How a finding is marked."""

    GOOD = "ok"
    WARN = "warn"
    BAD = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer."""

    level: Level
    text: str


async def findings(settings: Settings, connection: Connection, database: Database) -> list[Finding]:
    """Everything worth saying about the settings, Redis and the database."""
    return [*of_settings(settings), *await _of_redis(settings, connection), *await _of_database(settings, database)]


def of_settings(settings: Settings) -> list[Finding]:
    """What can be said without asking Redis or the database. A start says it, too."""
    found = [Finding(Level.GOOD, "settings: every value is within its bounds")]
    try:
        senders.check(settings)
    except SettingsError as error:
        found.append(Finding(Level.BAD, str(error)))
    if "console" in settings.sms_sender and not settings.redis_is_embedded:
        found.append(Finding(Level.WARN, "SMS_SENDER: console prints login codes; it is for development"))
    template = Template(settings.sms_text, settings.sms_domain, settings.sms_app_hash)
    code = "0" * settings.code_length
    found += [Finding(Level.WARN, text) for text in template.warnings(code, texts.minutes(settings.code_ttl))]
    if settings.fixed_codes:
        numbers = ", ".join(mobiles.mask(mobile) for mobile in settings.fixed_codes)
        found.append(Finding(Level.WARN, f"TEST_CODES: who knows the fixed code logs in as {numbers}"))
    return found


async def _of_redis(settings: Settings, connection: Connection) -> list[Finding]:
    place = f"Redis at {public(settings.redis_location)}"
    try:
        server = await connection.info("server")
        policy = await connection.config("maxmemory-policy")
        persistent = await connection.config("appendonly")
        snapshots = await connection.config("save")
    except ServiceUnavailable:
        return [Finding(Level.BAD, f"{place} does not answer")]
    version = str(server.get("redis_version", "0.0"))
    found = [Finding(Level.GOOD, f"{place} answers, version {version}")]
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
        found.append(Finding(Level.BAD, f"Redis {version} is too old; 6.2 is the oldest that is supported"))
    if policy is None:
        return [*found, Finding(Level.WARN, "CONFIG is not allowed: persistence and eviction policy are unknown")]
    found.append(
        Finding(Level.GOOD, "Redis evicts nothing")
        if policy == "noeviction"
        else Finding(Level.WARN, f"maxmemory-policy is {policy}: Redis may evict sessions; set noeviction")
    )
    found.append(
        Finding(Level.GOOD, "Redis keeps its data over a restart")
        if persistent == "yes" or snapshots
        else Finding(
            Level.WARN, "Redis keeps nothing over a restart: everybody would be logged out; set appendonly yes"
        )
    )
    return found


async def _of_database(settings: Settings, database: Database) -> list[Finding]:
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
