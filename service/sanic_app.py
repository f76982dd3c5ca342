"""A Sanic app without routes and stores: what the public one (`app.py`) and the private one (`admin.py`) share."""

from functools import partial
from pathlib import Path
from typing import Any

import orjson
from sanic import Sanic
from sanic.config import Config
from sanic_ext import Extend
from sanic_ext.config import PRIORITY
from sanic_ext.extensions.http.extension import HTTPExtension
from sanic_ext.extensions.templating.extension import TemplatingExtension

from config import Settings
from service.backing import BESIDES_SMS
from service.context import Context
from service.events import Events
from service.http.errors import EnvelopeErrorHandler
from service.http.head import BODY_LIMIT
from service.http.requests import App, Request
from service.observability import audit
from service.observability.telemetry import Telemetry
from service.routes.docs import docs
from service.routes.openapi.specification import About
from service.runtime.admission import DRAIN_GRACE, AdmissionController
from service.runtime.background import BackgroundTasks
from settings.fields import OFF

SLOWEST_REQUEST = 15  # seconds that a client gets to send one
SLOWEST_ANSWER = 30.0  # seconds that a request gets; more where so many senders, tried in turn, may take longer
OWN_HEADERS = ("authorization", "content-type", "x-device-id", "x-device-name", "x-request-id")


def blank(settings: Settings, name: str, about: About, templates: Path | None = None) -> App:
    """A Sanic app without routes and without stores: what the public one and the private one have in common.

    `templates`: the folder of those that pages are made of, if it has pages.
    """
    app: App = Sanic(
        name,
        config=Config(_sanic_config(settings)),
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
    shed = app.ctx.telemetry.shed
    app.ctx.admission = AdmissionController(settings.max_in_flight, lambda: app.ctx.background.orphaned, shed)
    config = _extension_config(settings)
    extensions: list[Any] = [HTTPExtension]
    if templates:
        config |= {"templating_path_to_templates": templates, "templating_enable_async": False}
        extensions.append(TemplatingExtension)
    Extend(app, extensions=extensions, built_in_extensions=False, config=config)
    app.blueprint(docs(about))
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


async def drain(app: App) -> None:
    """Wait for the requests in flight."""
    left = await app.ctx.admission.drain(app.ctx.settings.graceful_timeout)
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = min(left, DRAIN_GRACE)  # no longer for clients that are slow to ask


def _sanic_config(settings: Settings) -> dict[str, str | bool | int | float | None]:
    return {
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


def _extension_config(settings: Settings) -> dict[str, Any]:
    return {
        "cors": bool(settings.cors_origins),  # it costs something at every request
        "cors_origins": "*" if "*" in settings.cors_origins else ",".join(settings.cors_origins),
        "cors_allow_headers": [*OWN_HEADERS, *settings.cors_headers],
        "cors_expose_headers": "x-request-id,retry-after",
        "cors_always_send": False,
        "cors_max_age": 600,
        "http_all_methods": False,
        "http_auto_head": True,  # but for GET /sms/codes/<mobile>, which would send a message (routes/codes.py)
    }
