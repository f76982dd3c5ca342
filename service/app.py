"""Joins the parts: settings in, a Sanic app out. The same builder serves production and tests."""

import asyncio
import time
from functools import partial
from typing import Any

import orjson
from sanic import Sanic
from sanic.config import Config
from sanic_ext import Extend
from sanic_ext.config import PRIORITY
from sanic_ext.extensions.http.extension import HTTPExtension
from sanic_ext.extensions.openapi.extension import OpenAPIExtension

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
from service.http.errors import EnvelopeErrorHandler
from service.http.fastpath import FastRoutes
from service.http.head import BODY_LIMIT
from service.http.requests import App, Request
from service.limits import Limits
from service.logins import Logins
from service.observability import audit, logs
from service.observability.audit_writer import AuditWriter, Lost
from service.observability.telemetry import Telemetry
from service.routes import BLUEPRINTS, FAST_ROUTES
from service.routes.health import metrics
from service.routes.openapi import documents, schemas
from service.runtime.admission import DRAIN_GRACE, AdmissionController
from service.runtime.background import BackgroundTasks
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
from settings.fields import OFF

NAME = "latch"
SLOWEST_REQUEST = 15  # seconds that a client gets to send one
SLOWEST_ANSWER = 30.0  # seconds that a request gets; more where so many senders, tried in turn, may take longer
OWN_HEADERS = ("authorization", "content-type", "x-device-id", "x-device-name", "x-request-id")
BESIDES_SMS = 10.0  # of them, seconds for all that is neither sending a message nor verifying a captcha


def build(settings: Settings, *, name: str = NAME, clock: Clock = time.time, sender: Sender | None = None) -> App:
    """A Sanic app that connects when its server starts. `clock` returns seconds since the epoch."""
    app = blank(settings, name, documents.ABOUT)
    for scheme in (schemas.ACCESS, schemas.REFRESH_TOKEN, schemas.SERVICE_KEY):
        app.ext.openapi.add_security_scheme(scheme, "http", scheme="bearer")
    app.ext.openapi.add_security_scheme(schemas.SERVICE_KEY_AS_PASSWORD, "http", scheme="basic")
    app.blueprint(BLUEPRINTS)
    if not settings.admin_port:
        app.blueprint(metrics)  # else it is on the private listener
    app.ctx.fast_routes = FastRoutes(FAST_ROUTES)
    middleware.attach(app)
    _attach_lifecycle(app, clock, sender or senders.chosen(settings, app.ctx.telemetry.sms))
    return app


def blank(settings: Settings, name: str, about: documents.About) -> App:
    """A Sanic app without routes and without stores: what the public one and the private one have in common."""
    app: App = Sanic(
        name,
        config=Config(_sanic_config(settings, about)),
        ctx=Context(),
        request_class=Request,  # type: ignore[arg-type]
        error_handler=EnvelopeErrorHandler(),
        dumps=partial(orjson.dumps, option=orjson.OPT_NON_STR_KEYS),  # sanic-ext keys responses by number
        loads=orjson.loads,
        configure_logging=False,
    )
    app.ctx.settings = settings
    app.ctx.telemetry = Telemetry(settings)
    app.ctx.events = Events(audit.write_line)
    app.ctx.background = BackgroundTasks()
    shed = app.ctx.telemetry.metrics.observe_shed
    app.ctx.admission = AdmissionController(settings.max_in_flight, lambda: app.ctx.background.orphaned, shed)
    config = _extension_config(settings, about)
    Extend(app, extensions=[OpenAPIExtension, HTTPExtension], built_in_extensions=False, config=config)
    _compile_signals_once(app)
    return app


def _compile_signals_once(app: App) -> None:
    """Around what sanic-ext does last in a start: for each route that it adds Sanic would compile all signals anew."""

    async def reset(app: App) -> None:
        app.signal_router.reset()  # type: ignore[no-untyped-call]

    async def compile_all(app: App) -> None:
        app.signalize(app.config.TOUCHUP is True)  # as Sanic does itself

    app.register_listener(reset, "before_server_start", priority=PRIORITY + 1)
    app.register_listener(compile_all, "before_server_start", priority=PRIORITY - 1)


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


def _sanic_config(settings: Settings, about: documents.About) -> dict[str, str | bool | int | float | None]:
    return {
        "API_TITLE": about.title,
        "API_VERSION": documents.VERSION,
        "API_DESCRIPTION": about.description,
        "ACCESS_LOG": False,  # it would print the numbers in GET /sms/codes/<mobile>; ours does not
        "AUTO_EXTEND": False,
        "DEPRECATION_FILTER": "ignore",  # else what Sanic itself does stands among our log lines, on Python 3.14
        "FALLBACK_ERROR_FORMAT": "json",
        "KEEP_ALIVE_TIMEOUT": settings.keep_alive_timeout,
        "MOTD": False,
        "REQUEST_MAX_SIZE": BODY_LIMIT,
        "REQUEST_TIMEOUT": SLOWEST_REQUEST,
        "RESPONSE_TIMEOUT": _slowest_answer(settings),
    }


def _slowest_answer(settings: Settings) -> float:
    """Seconds: senders are tried in turn, after the captcha."""
    captcha = settings.captcha_timeout if settings.captcha != OFF else 0
    return max(SLOWEST_ANSWER, len(settings.sms_sender) * settings.sms_timeout + captcha + BESIDES_SMS)


def _extension_config(settings: Settings, about: documents.About) -> dict[str, Any]:
    return {
        "cors": bool(settings.cors_origins),  # it costs something at every request
        "cors_origins": "*" if "*" in settings.cors_origins else ",".join(settings.cors_origins),
        "cors_allow_headers": [*OWN_HEADERS, *settings.cors_headers],
        "cors_expose_headers": "x-request-id,retry-after",
        "cors_always_send": False,
        "cors_max_age": 600,
        "http_all_methods": False,
        "http_auto_head": True,  # but for GET /sms/codes/<mobile>, which would send a message (routes/codes.py)
        "oas_autodoc": False,
        "oas_ui_swagger": False,  # its OAuth redirect page makes the server fetch a file from the internet
        "oas_ui_redoc_html_title": about.title,
        "oas_path_to_redoc_html": str(documents.PAGE),
        "oas_ui_default": "redoc",
    }
