"""The stores, for a command that changes something in the name of whoever types it."""

import getpass
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from config import Settings
from service.backing import connections
from service.events import ACTOR, Events
from service.number_names import NumberNames
from service.observability import audit
from service.observability.audit_writer import AuditWriter
from service.roles import Actor, Role
from service.stores.database import Database
from service.stores.events import EventStore
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
async def acting(settings: Settings, reason: str = "") -> AsyncIterator[tuple[Connection, Database, Events]]:
    """Redis, the database and events that bear the system user's name; they are in the audit trail when it ends."""
    connection, database = connections(settings)
    await database.open()
    store = EventStore(database, NumberNames(settings.number_name_key).of)
    writer = AuditWriter(store, settings.audit_days)
    ACTOR.set(Actor(getpass.getuser(), Role.OWNER, reason))
    try:
        yield connection, database, Events(audit.write_line, writer.follow)
    finally:
        await writer.stop()
        await connection.close()
        await database.close()
