"""Joins the parts: settings in, a Sanic app out. The same builder serves production and tests."""

import asyncio
import time

from config import Settings
from service import captchas, senders
from service.accounts import Accounts
from service.authorizations import Authorizations
from service.codes import Codes
from service.context import Context
from service.conversion import ConversionGuard
from service.delivery import Delivery
from service.entities import Clock
from service.events import Events
from service.health import Health
from service.http import middleware
from service.http.fastpath import FastRoutes
from service.http.requests import App
from service.limits import Limits
from service.logins import Logins
from service.observability import logs
from service.observability.audit_writer import AuditWriter, Lost
from service.observability.telemetry import Telemetry
from service.routes import BLUEPRINTS, FAST_ROUTES
from service.routes.health import metrics
from service.routes.openapi import documents, schemas
from service.runtime.admission import DRAIN_GRACE
from service.sanic_app import BESIDES_SMS, blank
from service.senders import Sender
from service.sessions import Sessions
from service.stores.captchas import CaptchaStore
from service.stores.codes import CodeStore
from service.stores.conversions import ConversionStore
from service.stores.cooldowns import CooldownStore
from service.stores.database import Database
from service.stores.events import EventStore
from service.stores.limits import LimitStore
from service.stores.logins import LoginStore
from service.stores.meter import ignore
from service.stores.redis.connection import Connection
from service.stores.sessions import SessionStore
from service.stores.users import UserStore
from service.trail import Trail
from service.users import Users

NAME = "latch"


def build(settings: Settings, *, name: str = NAME, clock: Clock = time.time, sender: Sender | None = None) -> App:
    """A Sanic app that connects when its server starts. `clock` returns seconds since the epoch."""
    app = blank(settings, name, documents.ABOUT)
    for scheme in (schemas.ACCESS, schemas.REFRESH_TOKEN, schemas.SERVICE_KEY):
        app.ext.openapi.add_security_scheme(scheme, "http", scheme="bearer")
    app.ext.openapi.add_security_scheme(schemas.SERVICE_KEY_AS_PASSWORD, "http", scheme="basic")
    app.blueprint(BLUEPRINTS)
    app.blueprint(metrics)  # and on the private listener, where it will be alone once all of section 8 is there
    app.ctx.fast_routes = FastRoutes(FAST_ROUTES)
    middleware.attach(app)
    _attach_lifecycle(app, clock, sender or senders.chosen(settings, app.ctx.telemetry.sms))
    return app


def _attach_lifecycle(app: App, clock: Clock, sender: Sender) -> None:
    settings, telemetry = app.ctx.settings, app.ctx.telemetry
    connection, database = connections(settings, telemetry)
    writer, apart = audit_writer(settings, telemetry)

    @app.before_server_start
    async def start(app: App) -> None:
        logs.configure(settings, asyncio.get_running_loop())
        await database.open()
        await apart.open()
        app.ctx.events.follow(writer.follow)
        writer.start()
        _join(app.ctx, connection, database, clock, sender)
        telemetry.start({"redis": connection.meter, "database": database.meter}, app.ctx.events)

    app.before_server_stop(drain)

    @app.after_server_stop
    async def stop(app: App) -> None:
        await app.ctx.background.drain(DRAIN_GRACE)  # what the end of the wait has cut off from its client
        await app.ctx.codes.settle()
        if app.ctx.captcha:
            await app.ctx.captcha.close()
        await senders.close(sender)
        await writer.stop()
        await connection.close()
        await database.close()
        await apart.close()
        await telemetry.stop()
        logs.loop_ends()


def audit_writer(settings: Settings, telemetry: Telemetry) -> tuple[AuditWriter, Database]:
    """What writes the audit trail, and its own database, since one of its statements could keep a request's waiting."""
    _, apart = connections(settings)
    count = telemetry.metrics.audit_lost.labels
    lost = Lost(*(count(reason).inc for reason in Lost._fields))
    return AuditWriter(EventStore(apart), settings.audit_days, telemetry.metrics.observe_audit, lost), apart


async def drain(app: App) -> None:
    """Wait for the requests in flight."""
    left = await app.ctx.admission.drain(app.ctx.settings.graceful_timeout)
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = min(left, DRAIN_GRACE)  # no longer for clients that are slow to ask


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


def _join(context: Context, connection: Connection, database: Database, clock: Clock, sender: Sender) -> None:
    settings, events = context.settings, context.events
    users = UserStore(database)
    context.captcha = captchas.chosen(settings, CaptchaStore(connection).spend, clock)
    limits = limits_of(settings, connection, events, clock)
    codes, sessions = CodeStore(connection), SessionStore(connection)
    logins = LoginStore(codes, LimitStore(connection, clock), sessions)
    guard = ConversionGuard(settings, ConversionStore(connection), users, limits, clock)
    context.codes = Codes(settings, codes, logins, limits, guard, events, clock)
    context.delivery = Delivery(settings, context.codes, sender, limits, guard, context.captcha, events)
    context.authorizations = Authorizations(settings, sessions, events, clock)
    context.logins = Logins(settings, context.codes, users, sessions, logins, events, clock)
    context.sessions = Sessions(sessions, events, clock)
    context.users = Users(users, context.sessions, events)
    context.accounts = Accounts(
        context.users, users, context.sessions, context.codes, limits, Trail(EventStore(database), clock), events
    )
    context.health = Health({"redis": connection.ping, "database": database.ping}, timeout=settings.stores_timeout)


def limits_of(settings: Settings, connection: Connection, events: Events, clock: Clock) -> Limits:
    """The limits of section 5 of the contract."""
    hold = len(settings.sms_sender) * settings.sms_timeout + BESIDES_SMS
    cooldowns = CooldownStore(connection, settings.cooldown_steps, hold)
    return Limits(settings, LimitStore(connection, clock), cooldowns, events, clock)
