"""Joins the parts of the private listener: settings in, a Sanic app for operators out. The public one: `app.py`."""

import time

from config import Settings
from service.backing import Backing, limits_of, revocation_stores
from service.context import Context
from service.entities import Clock
from service.health import Health
from service.http import middleware, operators
from service.http.fastpath import FastRoutes
from service.http.requests import App
from service.observability import logs
from service.operators import Keys, Operators
from service.people import People
from service.revocations import Revocations
from service.routes.admin import BLUEPRINTS
from service.routes.openapi import admin_documents
from service.runtime.admission import DRAIN_GRACE
from service.sanic_app import blank, drain
from service.sessions import Sessions
from service.stores.codes import CodeStore
from service.stores.database import Database
from service.stores.directory import Directory
from service.stores.events import EventStore
from service.stores.operators import KeyStore, OperatorStore
from service.stores.redis.connection import Connection
from service.stores.sessions import SessionStore
from service.stores.users import UserStore
from service.trail import Trail
from service.users import Users

NAME = "latch-admin"
POOL = 4  # database connections: operators are few


def build(settings: Settings, *, name: str = NAME, clock: Clock = time.time) -> App:
    """A Sanic app that connects when its server starts. It has its own proxies before it, and no CORS."""
    pool = min(POOL, settings.database_pool_size)
    own = {"trusted_proxies": settings.admin_trusted_proxies, "cors_origins": (), "database_pool_size": pool}
    app = blank(settings.model_copy(update=own), name, admin_documents.ABOUT)
    app.ext.openapi.add_security_scheme(admin_documents.KEY, "http", scheme="bearer")
    app.blueprint(BLUEPRINTS)
    app.ctx.fast_routes = FastRoutes(())
    middleware.attach(app)
    operators.attach(app)
    _attach_lifecycle(app, clock)
    return app


def _attach_lifecycle(app: App, clock: Clock) -> None:
    telemetry = app.ctx.telemetry
    backing = Backing(app.ctx.settings, telemetry)

    @app.before_server_start
    async def start(app: App) -> None:
        await backing.open(app.ctx.events)
        _join(app.ctx, backing.connection, backing.database, clock)
        telemetry.start_aside(backing.meters, app.ctx.events)

    @app.before_server_stop
    async def end_jobs(app: App) -> None:
        app.ctx.revocations.stop_all()

    app.before_server_stop(drain)

    @app.after_server_stop
    async def stop(app: App) -> None:
        await app.ctx.background.drain(DRAIN_GRACE)
        await backing.close()
        await telemetry.stop()
        logs.loop_ends()


def _join(context: Context, connection: Connection, database: Database, clock: Clock) -> None:
    settings, events = context.settings, context.events
    context.sessions = Sessions(SessionStore(connection), events, clock)
    context.users = Users(UserStore(database), context.sessions, events)
    limits = limits_of(settings, connection, events, clock)
    context.people = People(Directory(database), context.users, limits, CodeStore(connection), events)
    context.operators = Operators(OperatorStore(database), events, clock)
    context.keys = Keys(KeyStore(database), events, clock)
    context.trail = Trail(EventStore(database), clock)
    watch = context.telemetry.metrics.observe_revocation
    jobs = revocation_stores(settings, connection, database)
    context.revocations = Revocations(jobs, events, context.background, clock, watch)
    context.health = Health({"redis": connection.ping, "database": database.ping}, timeout=settings.stores_timeout)
