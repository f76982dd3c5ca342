"""What stands behind an app or a command: Redis, the database, the audit trail's writer. Knows no HTTP."""

import asyncio
from functools import partial

from config import Settings
from service.dead_letters import DeadLetters
from service.entities import Clock
from service.events import Events
from service.health import Health, Watched
from service.limits import Limits
from service.message_figures import MessageFigures
from service.number_names import NumberNames
from service.observability import logs
from service.observability.audit_writer import AuditWriter, Lost
from service.observability.outbox_follower import OutboxFollower
from service.observability.telemetry import Telemetry
from service.operator_sessions import OperatorSessions
from service.operators import Operators
from service.revoking import Stores
from service.stores import outages
from service.stores.activity import ActivityStore
from service.stores.conversions import ConversionStore
from service.stores.cooldowns import CooldownStore
from service.stores.database import Database
from service.stores.dead_letters import DeadLetterStore
from service.stores.deliveries import DeliveryStore
from service.stores.directory import Directory
from service.stores.events import EventStore
from service.stores.limits import LimitStore
from service.stores.message_figures import MessageFigureStore
from service.stores.meter import Meter, ignore
from service.stores.operator_links import OperatorLinks
from service.stores.operator_sessions import OperatorSessionStore
from service.stores.operators import OperatorStore
from service.stores.outbox import Outbox, uncounted
from service.stores.passkeys import PasskeyStore
from service.stores.redis.connection import Connection
from service.stores.revocations import RevocationStore
from service.stores.session_walk import SessionWalk

OUTBOX_GRACE = 1.0  # seconds that what other systems are told gets, when an app stops, to reach Redis
BESIDES_SMS = 10.0  # seconds of an answer for all that is neither sending a message nor verifying a captcha


class Backing:
    """That of one app: opened before it serves, closed after. Nothing connects before it is asked for something."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._settings = settings
        self.connection, self.database = connections(settings, telemetry)
        self._writer, self._apart = _audit_writer(settings, telemetry)
        self.outbox = outbox_of(settings, self.connection, telemetry)

    async def open(self, events: Events, clock: Clock) -> None:
        """Log on this event loop, load the models, and write these events to the audit trail and the outbox."""
        logs.configure(self._settings, asyncio.get_running_loop())
        await self.database.open()
        await self._apart.open()
        events.follow(self._writer.follow)
        self._writer.start()
        if self.outbox:
            events.follow(OutboxFollower(self.outbox, clock).follow)

    async def close(self) -> None:
        """Write what is queued, and close every connection."""
        await self._writer.stop()
        if self.outbox:
            await self.outbox.settle(OUTBOX_GRACE)
        await self.connection.close()
        await self.database.close()
        await self._apart.close()

    @property
    def meters(self) -> dict[str, Meter]:
        """Those of the stores, by name."""
        return {"redis": self.connection.meter, "database": self.database.meter}


def connections(settings: Settings, telemetry: Telemetry | None = None) -> tuple[Connection, Database]:
    """The two stores that the settings name, not yet connected."""
    connection = Connection(
        settings.redis_location,
        timeout=settings.redis_timeout,
        observe=telemetry.store("redis") if telemetry else ignore,
    )
    database = Database(
        settings.database_location,
        timeout=settings.database_timeout,
        pool_size=settings.database_pool_size,
        observe=telemetry.store("database") if telemetry else ignore,
    )
    return connection, database


def outbox_of(settings: Settings, connection: Connection, telemetry: Telemetry | None = None) -> Outbox | None:
    """What other systems are told through; None where none wants to hear."""
    if not settings.outbox_limit:
        return None
    return Outbox(connection, settings.outbox_limit, telemetry.metrics.observe_outbox_lost if telemetry else uncounted)


def health_of(settings: Settings, connection: Connection, database: Database) -> Health:
    """What `/readyz` asks."""
    stores = {
        "redis": Watched(connection.ping, partial(outages.of_redis, settings)),
        "database": Watched(database.ping, partial(outages.of_database, settings)),
    }
    return Health(stores, timeout=settings.stores_timeout)


def limits_of(settings: Settings, connection: Connection, events: Events, clock: Clock) -> Limits:
    """The limits of section 5 of the contract."""
    hold = len(settings.sms_sender) * settings.sms_timeout + BESIDES_SMS
    cooldowns = CooldownStore(connection, settings.cooldown_steps, hold)
    return Limits(settings, LimitStore(connection, clock), cooldowns, events, clock)


def message_figures_of(settings: Settings, connection: Connection, clock: Clock) -> MessageFigures:
    """What operators see of messages and codes."""
    stores = ActivityStore(connection), MessageFigureStore(connection), ConversionStore(connection)
    return MessageFigures(settings, *stores, clock)


def dead_letters_of(settings: Settings, connection: Connection, events: Events) -> DeadLetters:
    """How the receivers of webhooks fare, and what they have not taken."""
    return DeadLetters(settings.webhook_urls, DeliveryStore(connection), DeadLetterStore(connection), events)


def operators_of(
    settings: Settings, connection: Connection, database: Database, events: Events, clock: Clock
) -> tuple[Operators, OperatorSessions]:
    """The people who may ask the private listener, and their sessions at the console."""
    store, links, passkeys = OperatorStore(database), OperatorLinks(connection), PasskeyStore(database)
    sessions = OperatorSessions(OperatorSessionStore(connection), store, events, clock)
    return Operators(store, links, passkeys, sessions, settings.console_address, events, clock), sessions


def revocation_stores(settings: Settings, connection: Connection, database: Database, outbox: Outbox | None) -> Stores:
    """What revocations work on."""
    trail = EventStore(database) if settings.audit_days else None
    return Stores(RevocationStore(connection), SessionWalk(connection, outbox), Directory(database), trail)


def _audit_writer(settings: Settings, telemetry: Telemetry) -> tuple[AuditWriter, Database]:
    """What writes the audit trail, and its own database, since one of its statements could keep a request's waiting."""
    _, apart = connections(settings)
    count = telemetry.metrics.audit_lost.labels
    lost = Lost(*(count(reason).inc for reason in Lost._fields))
    store = EventStore(apart, NumberNames(settings.number_name_key).of)
    return AuditWriter(store, settings.audit_days, telemetry.metrics.observe_audit, lost), apart
