"""The stores, for a command that changes something in the name of whoever types it."""

import getpass
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from config import Settings
from service.backing import OUTBOX_GRACE, connections, outbox_of
from service.events import ACTOR, Events
from service.number_names import NumberNames
from service.observability import audit
from service.observability.audit_writer import AuditWriter
from service.observability.outbox_follower import OutboxFollower
from service.roles import Actor, Role
from service.stores.database import Database
from service.stores.events import EventStore
from service.stores.outbox import Outbox
from service.stores.redis.connection import Connection


def add_reason(parser: ArgumentParser, *, due: bool = False) -> None:
    """Add `--reason`; where it is `due` the command is not run without one."""
    kind = _reason if due else str
    parser.add_argument(
        "--reason", type=kind, required=due, default="", metavar="TEXT", help="why, for the audit trail"
    )


def _reason(text: str) -> str:
    if not text.strip():
        raise ArgumentTypeError("should say why this is done")
    return text


@asynccontextmanager
async def acting(
    settings: Settings, reason: str = ""
) -> AsyncIterator[tuple[Connection, Database, Events, Outbox | None]]:
    """Redis, the database, events that bear the system user's name, and the outbox if other systems are told.

    What has happened is in the audit trail and in the outbox when it ends.
    """
    connection, database = connections(settings)
    await database.open()
    store = EventStore(database, NumberNames(settings.number_name_key).of)
    writer = AuditWriter(store, settings.audit_days)
    ACTOR.set(Actor(getpass.getuser(), Role.OWNER, reason))
    events, outbox = Events(audit.write_line, writer.follow), outbox_of(settings, connection)
    if outbox:
        events.follow(OutboxFollower(outbox, time.time).follow)
    try:
        yield connection, database, events, outbox
    finally:
        await writer.stop()
        if outbox:
            await outbox.settle(OUTBOX_GRACE)
        await connection.close()
        await database.close()
