"""Joins the parts: settings in, a Sanic app out. The same builder serves production and tests."""

import asyncio
import time

from config import Settings
from service import captchas, senders
from service.accounts import Accounts
from service.authorizations import Authorizations
from service.backing import Backing, health_of, limits_of
from service.code_issuer import CodeIssuer
from service.codes import Codes
from service.context import Context
from service.conversion import ConversionGuard
from service.delivery import Delivery
from service.dispatch.dispatcher import dispatcher_of
from service.entities import Clock
from service.http import devices, middleware
from service.http.fastpath import FastRoutes
from service.http.requests import App
from service.logins import Logins
from service.new_devices import NewDevices
from service.notices import Notices
from service.number_names import NumberNames
from service.observability import logs
from service.observability.activity import ActivityWriter
from service.observability.webhook_watch import WebhookWatch
from service.personal_data import PersonalData
from service.routes import BLUEPRINTS, FAST_ROUTES
from service.routes.health import metrics, moved_metrics
from service.routes.openapi import documents
from service.runtime.admission import DRAIN_GRACE
from service.sanic_app import blank, drain
from service.senders import Sender
from service.sessions import Sessions
from service.stores.activity import ActivityStore
from service.stores.captchas import CaptchaStore
from service.stores.codes import CodeStore
from service.stores.conversions import ConversionStore
from service.stores.devices import DeviceStore
from service.stores.events import EventStore
from service.stores.limits import LimitStore
from service.stores.logins import LoginStore
from service.stores.message_figures import MessageFigureStore
from service.stores.sessions import SessionStore
from service.stores.users import UserStore
from service.trail import Trail
from service.users import Users

NAME = "latch"


def build(settings: Settings, *, name: str = NAME, clock: Clock = time.time, sender: Sender | None = None) -> App:
    """A Sanic app that connects when its server starts. `clock` returns seconds since the epoch."""
    app = blank(settings, name, documents.ABOUT)
    app.blueprint(BLUEPRINTS)
    app.blueprint(moved_metrics if settings.admin_port else metrics)
    app.ctx.fast_routes = FastRoutes(FAST_ROUTES)
    middleware.attach(app)
    _attach_lifecycle(app, clock, sender or senders.chosen(settings, app.ctx.telemetry.sms))
    return app


def _attach_lifecycle(app: App, clock: Clock, sender: Sender) -> None:
    telemetry = app.ctx.telemetry
    backing = Backing(app.ctx.settings, telemetry)
    figures = ActivityStore(backing.connection), MessageFigureStore(backing.connection)
    activity = ActivityWriter(telemetry.activity, *figures, clock)
    dispatcher = dispatcher_of(app.ctx.settings, backing.connection, WebhookWatch(telemetry.metrics), clock)

    @app.before_server_start
    async def start(app: App) -> None:
        await backing.open(app.ctx.events, clock)
        _join(app.ctx, backing, clock, sender)
        telemetry.start(backing.meters, app.ctx.events)
        activity.start()
        if dispatcher:
            dispatcher.start()

    @app.after_server_start
    async def load(_app: App) -> None:
        await asyncio.to_thread(devices.load)

    app.before_server_stop(drain)

    @app.after_server_stop
    async def stop(app: App) -> None:
        if dispatcher:
            await dispatcher.stop()
        await app.ctx.background.drain(DRAIN_GRACE)  # what the end of the wait has cut off from its client
        await app.ctx.codes.settle()
        if app.ctx.captcha:
            await app.ctx.captcha.close()
        await senders.close(sender)
        await activity.stop()
        await backing.close()
        await telemetry.stop()
        logs.loop_ends()


def _join(context: Context, backing: Backing, clock: Clock, sender: Sender) -> None:
    settings, events = context.settings, context.events
    connection, database, outbox = backing.connection, backing.database, backing.outbox
    users = UserStore(database)
    context.captcha = captchas.chosen(settings, CaptchaStore(connection).spend, clock)
    limits = limits_of(settings, connection, events, clock)
    codes, sessions = CodeStore(connection), SessionStore(connection, outbox)
    logins = LoginStore(codes, LimitStore(connection, clock), sessions)
    note_code = context.telemetry.activity.note_code
    guard = ConversionGuard(settings, ConversionStore(connection), users, limits, clock, note_code)
    context.codes = Codes(settings, codes, logins, limits, guard, events, clock)
    context.code_issuer = CodeIssuer(settings, codes, limits, clock)
    context.delivery = Delivery(settings, context.code_issuer, sender, limits, guard, context.captcha, events)
    context.authorizations = Authorizations(settings, sessions, events, clock, context.telemetry.activity.users.add)
    context.logins = Logins(settings, context.codes, users, sessions, logins, events, clock)
    context.sessions = Sessions(sessions, events, clock)
    context.users = Users(users, context.sessions, events)
    names, trail = NumberNames(settings.number_name_key), Trail(EventStore(database), clock)
    personal_data = PersonalData(users, context.sessions, limits, codes, names, trail, DeviceStore(connection), events)
    if settings.notify_new_device:
        notices = Notices(settings, sender)
        events.follow(NewDevices(notices, limits, settings.fixed_codes, context.background).follow)
    context.accounts = Accounts(context.users, users, context.sessions, context.codes, trail, personal_data, events)
    context.health = health_of(settings, connection, database)
