"""`run.py check`: is this installation fit to serve? A start asks for a part of it."""

import asyncio
from argparse import Namespace

from config import Settings, SettingsError, doubts
from service import mobiles, senders, sms_text
from service.backing import connections
from service.commands.check_database import of_database, of_url
from service.commands.check_openid import of_openid
from service.commands.check_redis import of_redis
from service.commands.check_webhooks import of_webhooks
from service.commands.findings import Finding, Level
from service.embedded.running import running_redis
from service.languages import Language
from service.stores.database import Database
from service.stores.redis.connection import Connection
from settings.fields import OFF
from settings.sms_kinds import KINDS, NEW_DEVICE, NOTICE

FOR_DEVELOPMENT = ("console", "file")
UNSENT = "SMS_SENDER: has no template for codes to %s, so apps cannot ask for one"
UNTOLD = {
    NOTICE: "SMS_SENDER: has no template for notices, so old numbers are told nothing",
    NEW_DEVICE: "SMS_SENDER: has no template for NOTIFY_NEW_DEVICE, so nobody is told of a new device",
}


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
    """Everything worth saying about the settings, Redis, the database and the OpenID provider."""
    stores = [*await of_redis(settings, connection), *await of_database(settings, database)]
    return [*of_settings(settings), *stores, *await of_openid(settings), *await of_webhooks(settings)]


def of_settings(settings: Settings) -> list[Finding]:
    """What can be said without asking Redis or the database. A start says it, too."""
    found = [Finding(Level.GOOD, "settings: every value is within its bounds")]
    found += [Finding(Level.WARN, text) for text in doubts()] + of_url(settings)
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
    if len(settings.code_peppers) > 1 and not settings.number_key.get_secret_value():
        text = (
            "is empty: set it to the last CODE_PEPPER before that one goes, or all that is counted of numbers goes too"
        )
        found.append(Finding(Level.WARN, f"NUMBER_KEY: {text}"))
    found += _of_texts(settings)
    if settings.fixed_codes:
        numbers = ", ".join(mobiles.mask(mobile) for mobile in settings.fixed_codes)
        found.append(Finding(Level.WARN, f"TEST_CODES: who knows the fixed code logs in as {numbers}"))
    return found


def _of_texts(settings: Settings) -> list[Finding]:
    """What there is to say of the messages, where a sender takes a text; and of kinds that no sender has one for."""
    code, minutes = "0" * settings.code_length, sms_text.minutes(settings.code_ttl)
    found: list[str] = []
    for kind in KINDS:
        if kind == NEW_DEVICE and not settings.notify_new_device:
            continue
        if any(settings.template(name, kind) is None for name in settings.sms_sender):
            texts = {sms_text.template(settings, kind, language) for language in Language}
            found += sorted(warning for text in texts for warning in text.warnings(code, minutes))
        elif not any(senders.takes(settings, name, kind) for name in settings.sms_sender):
            found.append(UNTOLD.get(kind, UNSENT % kind))
    return [Finding(Level.WARN, text) for text in found]
