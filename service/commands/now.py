"""`run.py now`: who is online, what has happened in the last hour, and what works."""

import asyncio
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from config import Settings
from service.activity import CODES_SENT, CODES_USED, LOGINS, SHED
from service.backing import connections, health_of, message_figures_of
from service.commands.messages import code_lines
from service.commands.output import DONE, FAILED, say, table
from service.embedded.running import running_redis
from service.errors import ServiceUnavailable
from service.http.now import described
from service.now import Now
from service.stores.activity import ActivityStore
from service.stores.census import SessionCensus
from service.stores.sessions import SessionStore

SENDERS = ("name", "state", "sent", "failed", "refused", "last_sent_at", "last_failed_at", "last_failure")


def run(settings: Settings, chosen: Namespace) -> int:
    """Print how it is. Returns FAILED where a store is away."""
    with running_redis(settings):
        found = asyncio.run(_found(settings))
    say("\n".join(_lines(found)), found, as_json=chosen.json)
    return DONE if set(found["stores"].values()) == {"ok"} else FAILED


async def _found(settings: Settings) -> dict[str, Any]:
    connection, database = connections(settings)
    await database.open()
    census = SessionCensus(connection, SessionStore(connection))
    health = health_of(settings, connection, database)
    figures = message_figures_of(settings, connection, time.time)
    now = Now(ActivityStore(connection), census, health, figures, settings.sms_sender, time.time)
    try:
        with suppress(ServiceUnavailable):  # told by the picture
            await now.count_sessions()
        return described(await now.look())
    finally:
        await connection.close()
        await database.close()


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield from (f"{name}: {found['outages'].get(name, state)}" for name, state in found["stores"].items())
    if active := found["active"]:
        yield "people active: {last_5_minutes} in 5 minutes, {last_hour} in an hour, {last_day} in a day".format(
            **active
        )
    if sessions := found["sessions"]:
        yield f"live sessions: about {sessions['live']}, give or take {2 * sessions['standard_error']}"
    if minutes := found["by_minute"]:
        yield _last_hour(minutes)
    if senders := found["senders"]:
        rows = [tuple("" if one[name] is None else str(one[name]) for name in SENDERS) for one in senders]
        yield from table([tuple(name.upper().replace("_", " ") for name in SENDERS), *rows])
    if codes := found["codes"]:
        yield from code_lines(codes)


def _last_hour(minutes: Sequence[dict[str, Any]]) -> str:
    counts, refused = Counter[str](), Counter[str]()
    for minute in minutes:
        counts.update({name: minute[name] for name in (LOGINS, CODES_SENT, CODES_USED, SHED)})
        refused.update(minute["refused"])
    told = f"last hour: {counts[LOGINS]} logins, {counts[CODES_SENT]} codes sent, {counts[CODES_USED]} used"
    shed = [f"{counts[SHED]} requests shed"] if counts[SHED] else []
    return ", ".join([told, *shed, *(f"{times} refused by {limit}" for limit, times in sorted(refused.items()))])
