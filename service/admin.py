"""Joins the parts of the private listener: settings in, a Sanic app for operators out. The public one: `app.py`."""

import time

from config import Settings
from service import senders
from service.authenticators.openid import OpenIdProvider
from service.backing import (
    Backing,
    dead_letters_of,
    health_of,
    limits_of,
    message_figures_of,
    operators_of,
    revocation_stores,
)
from service.context import Context
from service.entities import Clock
from service.events import Events
from service.http import localized, middleware, operators
from service.http.fastpath import FastRoutes
from service.http.requests import App
from service.lookup import Lookup
from service.notices import Notices
from service.now import Now
from service.number_names import NumberNames
from service.numbers import Numbers
from service.observability import logs
from service.openid_logins import OpenIdLogins
from service.operator_logins import OperatorLogins
from service.operators import Keys
from service.people import People
from service.personal_data import PersonalData
from service.revocations import Revocations
from service.routes import console
from service.routes.admin import BLUEPRINTS
from service.routes.console import pages
from service.routes.console.page_errors import PageErrorHandler
from service.routes.openapi import admin_documents
from service.runtime.admission import DRAIN_GRACE
from service.runtime.periodic import Periodic
from service.sanic_app import blank, drain
from service.senders import Sender
from service.sessions import Sessions
from service.stores.activity import ActivityStore
from service.stores.census import SessionCensus
from service.stores.challenges import Challenges
from service.stores.codes import CodeStore
from service.stores.devices import DeviceStore
from service.stores.directory import Directory
from service.stores.events import EventStore
from service.stores.numbers import NumberStore
from service.stores.openid_states import OpenIdStates
from service.stores.operators import KeyStore
from service.stores.passkeys import PasskeyStore
from service.stores.redis.connection import Connection
from service.stores.sessions import SessionStore
from service.stores.users import UserStore
from service.trail import Trail
from service.users import Users

NAME = "latch-admin"
CENSUS_PAUSE, LONGEST_PAUSE = 60.0, 300.0  # seconds between two estimates of the live sessions, and where they fail
POOL = 4  # database connections: operators are few


def build(settings: Settings, *, name: str = NAME, clock: Clock = time.time, sender: Sender | None = None) -> App:
    """A Sanic app that connects when its server starts. It has its own proxies before it, and no CORS."""
    pool = min(POOL, settings.database_pool_size)
    own = {"trusted_proxies": settings.admin_trusted_proxies, "cors_origins": (), "database_pool_size": pool}
    app = blank(settings.model_copy(update=own), name, admin_documents.ABOUT, pages.TEMPLATES)
    app.error_handler = PageErrorHandler()
    pages.prepare(app)
    app.blueprint(BLUEPRINTS)
    console.register(app)
    app.ctx.fast_routes = FastRoutes(())
    middleware.attach(app)
    localized.attach(app)
    operators.attach(app)
    _attach_lifecycle(app, clock, sender or senders.chosen(settings, app.ctx.telemetry.sms))
    return app


def _attach_lifecycle(app: App, clock: Clock, sender: Sender) -> None:
    telemetry = app.ctx.telemetry
    backing = Backing(app.ctx.settings, telemetry)

    @app.before_server_start
    async def start(app: App) -> None:
        await backing.open(app.ctx.events, clock)
        _join(app.ctx, backing, clock, sender)
        telemetry.start_aside(backing.meters, app.ctx.events)
        app.ctx.census = _census(app.ctx.now)
        app.ctx.census.start()

    @app.before_server_stop
    async def end_jobs(app: App) -> None:
        app.ctx.revocations.stop_all()

    app.before_server_stop(drain)

    @app.after_server_stop
    async def stop(app: App) -> None:
        await app.ctx.background.drain(DRAIN_GRACE)
        await senders.close(sender)
        await app.ctx.census.stop()
        if app.ctx.openid:
            await app.ctx.openid.close()
        await backing.close()
        await telemetry.stop()
        logs.loop_ends()


def _join(context: Context, backing: Backing, clock: Clock, sender: Sender) -> None:
    settings, events = context.settings, context.events
    connection, database, outbox = backing.connection, backing.database, backing.outbox
    sessions = SessionStore(connection, outbox)
    context.sessions = Sessions(sessions, events, clock)
    context.users = Users(UserStore(database), context.sessions, events)
    limits, codes = limits_of(settings, connection, events, clock), CodeStore(connection)
    names = NumberNames(settings.number_name_key)
    context.trail = Trail(EventStore(database), clock)
    context.people = People(Directory(database), context.users, context.trail, limits, codes, names, events)
    context.lookup = Lookup(context.people, context.users, context.sessions)
    notices = Notices(settings, sender)
    context.numbers = Numbers(
        context.users, NumberStore(database), context.sessions, codes, names, notices, settings.fixed_codes, events
    )
    operators, at_console = operators_of(settings, connection, database, events, clock)
    context.operators, context.operator_sessions = operators, at_console
    passkeys, challenges, origin = PasskeyStore(database), Challenges(connection), settings.console_origin
    context.operator_logins = OperatorLogins(operators, at_console, passkeys, challenges, limits, events, clock, origin)
    context.openid = _openid(settings, connection, events, clock)
    context.dead_letters = dead_letters_of(settings, connection, events)
    context.keys = Keys(KeyStore(database), events, clock)
    context.personal_data = PersonalData(
        UserStore(database), context.sessions, limits, codes, names, context.trail, DeviceStore(connection), events
    )
    jobs, watch = (
        revocation_stores(settings, connection, database, outbox),
        context.telemetry.metrics.observe_revocation,
    )
    context.revocations = Revocations(jobs, events, context.background, clock, watch)
    context.health = health_of(settings, connection, database)
    census = SessionCensus(connection, sessions)
    context.message_figures = message_figures_of(settings, connection, clock)
    context.now = Now(
        ActivityStore(connection), census, context.health, context.message_figures, settings.sms_sender, clock
    )


def _openid(settings: Settings, connection: Connection, events: Events, clock: Clock) -> OpenIdLogins | None:
    if not settings.oidc_issuer:
        return None
    return OpenIdLogins(OpenIdProvider(settings, clock), OpenIdStates(connection), settings.oidc_rules, events)


def _census(now: Now) -> Periodic:
    failing = "the live sessions cannot be estimated; /admin/v1/now tells the last estimate, if there is one"
    return Periodic(now.count_sessions, pause=CENSUS_PAUSE, longest=LONGEST_PAUSE, failing=failing)
