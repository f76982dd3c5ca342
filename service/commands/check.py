"""`run.py check`: is this installation fit to serve? A start asks for a part of it."""

import asyncio
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from config import Settings, SettingsError, public
from service import mobiles, senders, sms_text
from service.app import connections
from service.embedded.running import running_redis
from service.errors import ServiceUnavailable
from service.sms_text import Template
from service.stores.database import Database
from service.stores.redis.connection import Connection
from service.stores.redis.server_info import Server, survey
from settings.fields import OFF

OLDEST_REDIS = (6, 2)
KEEPS_ALL = "noeviction"
CLOCKS_APART = 1.0  # seconds
NEARLY_FULL = 0.9
MEBIBYTE = 2**20

FOR_DEVELOPMENT = ("console", "file")
TAKE_TEMPLATES = {"aliyun", "tencent"}  # the other senders take SMS_TEXT


class Level(Enum):
    """How a finding is marked."""

    GOOD = "ok"
    WARN = "warn"
    BAD = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer. `away`: a store does not answer, and may yet come back."""

    level: Level
    text: str
    away: bool = False


def run(settings: Settings, _: Namespace) -> int:
    """Print what is well and what is not. Returns the exit code, 1 if anything is not."""
    with running_redis(settings):
        found = asyncio.run(diagnose(settings))
    for finding in found:
        print(f"{finding.level.value:<5} {finding.text}")
    return int(any(finding.level is Level.BAD for finding in found))


async def diagnose(settings: Settings, *, redis_alone: bool = False) -> list[Finding]:
    """What there is to say of this installation, or of its Redis alone."""
    connection, database = connections(settings)
    await database.open()
    try:
        if redis_alone:
            return await of_redis(settings, connection)
        return await findings(settings, connection, database)
    finally:
        await connection.close()
        await database.close()


async def findings(settings: Settings, connection: Connection, database: Database) -> list[Finding]:
    """Everything worth saying about the settings, Redis and the database."""
    return [*of_settings(settings), *await of_redis(settings, connection), *await _of_database(settings, database)]


def of_settings(settings: Settings) -> list[Finding]:
    """What can be said without asking Redis or the database. A start says it, too."""
    found = [Finding(Level.GOOD, "settings: every value is within its bounds")]
    try:
        senders.check(settings)
    except SettingsError as error:
        found.append(Finding(Level.BAD, str(error)))
    shown = [name for name in settings.sms_sender if name in FOR_DEVELOPMENT]
    if shown and not settings.redis_is_embedded:
        found.append(Finding(Level.WARN, f"SMS_SENDER: {', '.join(shown)} shows login codes; it is for development"))
    if settings.captcha != OFF and settings.captcha_when == "guarded" and not settings.sms_min_conversion:
        text = "CAPTCHA_WHEN: guarded asks for no captcha while SMS_MIN_CONVERSION is 0, since the guard never closes"
        found.append(Finding(Level.WARN, text))
    if settings.limit_codes_total == OFF:
        found.append(Finding(Level.WARN, "LIMIT_CODES_TOTAL: off leaves the SMS bill without a bound"))
    template = Template(settings.sms_text, settings.sms_domain, settings.sms_app_hash)
    code = "0" * settings.code_length
    if set(settings.sms_sender) - TAKE_TEMPLATES:
        found += [Finding(Level.WARN, text) for text in template.warnings(code, sms_text.minutes(settings.code_ttl))]
    if settings.fixed_codes:
        numbers = ", ".join(mobiles.mask(mobile) for mobile in settings.fixed_codes)
        found.append(Finding(Level.WARN, f"TEST_CODES: who knows the fixed code logs in as {numbers}"))
    return found


async def of_redis(settings: Settings, connection: Connection) -> list[Finding]:
    """What the servers say of themselves. A start asks for it, too."""
    place = f"Redis at {public(settings.redis_location)}"
    try:
        servers, silent = await survey(connection)
    except ServiceUnavailable as error:
        return [Finding(Level.BAD, f"{place} does not answer{_cause(error)}", away=True)]
    versions = ", ".join(sorted({".".join(map(str, server.version)) for server in servers}))
    found = [Finding(Level.GOOD, f"{place} answers, version {versions}")]
    if silent:
        found.append(Finding(Level.WARN, f"{place}: {', '.join(silent)} of its nodes does not answer"))
    return [*found, *of_servers(servers)]


def of_servers(servers: Sequence[Server]) -> list[Finding]:
    """What is to be said of them. Pure."""
    found = []
    if old := [server for server in servers if server.version[:2] < OLDEST_REDIS]:
        version = ".".join(map(str, old[0].version))
        found.append(Finding(Level.BAD, f"Redis {version}{_on(old)} is too old; 6.2 is the oldest that is supported"))
    for policy in sorted({server.policy for server in servers if server.policy not in {None, KEEPS_ALL}}, key=str):
        evicting = [server for server in servers if server.policy == policy]
        text = f"maxmemory-policy is {policy}{_on(evicting)}: Redis may evict sessions; set {KEEPS_ALL}"
        found.append(Finding(Level.WARN, text))
    if all(server.policy == KEEPS_ALL for server in servers):
        found.append(Finding(Level.GOOD, "Redis evicts nothing"))
    if forgetful := [server for server in servers if server.persistent is False]:
        text = f"Redis keeps nothing over a restart{_on(forgetful)}: everybody would be logged out; set appendonly yes"
        found.append(Finding(Level.WARN, text))
    if all(server.persistent for server in servers):
        found.append(Finding(Level.GOOD, "Redis keeps its data over a restart"))
    if untold := [server for server in servers if server.persistent is None]:
        text = f"Redis has no append-only file{_on(untold)}, and whether it keeps snapshots it does not tell"
        found.append(Finding(Level.WARN, f"{text} a user without CONFIG; set appendonly yes"))
    if untold := [server for server in servers if server.policy is None]:
        found.append(Finding(Level.WARN, f"Redis{_on(untold)} does not tell its maxmemory-policy; set {KEEPS_ALL}"))
    found += map(_of_memory, servers)
    for server in servers:
        if abs(server.ahead) > CLOCKS_APART:
            text = (
                f"the clock of Redis{_on([server])} and that of this machine are {abs(server.ahead):.1f} s apart: "
                "sessions and codes would live that much shorter or longer; run NTP on both"
            )
            found.append(Finding(Level.WARN, text))
    return found


def _of_memory(server: Server) -> Finding:
    uses = f"uses {server.used / MEBIBYTE:.1f} MiB of memory, without a limit"
    if server.limit:
        uses = f"uses {server.used / MEBIBYTE:.1f} of {server.limit / MEBIBYTE:.1f} MiB (maxmemory)"
    if server.refusal:  # it may yet have room again
        text = f"Redis{_on([server])} takes no writes ({server.refusal}), and {uses}"
        return Finding(Level.BAD, text, away=True)
    if server.limit and server.used >= NEARLY_FULL * server.limit:
        return Finding(Level.WARN, f"Redis{_on([server])} {uses}: with none left nobody can log in")
    return Finding(Level.GOOD, f"Redis{_on([server])} {uses}")


def _on(servers: Sequence[Server]) -> str:
    names = [server.name for server in servers if server.name]
    return f" on {', '.join(names)}" if names else ""


def _cause(error: BaseException) -> str:
    """The class of what went wrong first; its text might hold a part of the URL."""
    cause = error.__cause__
    while cause and (deeper := cause.__cause__ or cause.__context__):
        cause = deeper
    return f" ({type(cause).__name__})" if cause else ""


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
