"""`/log-in`, `/enrol`, `/log-out`: how an operator comes to a session of the console, and ends it. Passkeys only.

What the page's script sends and gets is JSON in the API's envelope; the rest are pages. By the company's OpenID
provider: `openid.py`.
"""

from typing import Any
from urllib.parse import urlsplit

from sanic import Blueprint, HTTPResponse

from service.entities import Device
from service.errors import InvalidRequest
from service.http.console import COOKIE
from service.http.guards import changes_state
from service.http.requests import Request, device
from service.languages import N_
from service.roles import Role
from service.routes.console.pages import own_path, page, see_other, told
from service.routes.console.session_cookies import ended, set_session
from service.routes.payloads import json_object, string

log_in = Blueprint("console_log_in")


@log_in.get("/log-in", ctx_open=True)
async def show_log_in(request: Request) -> HTTPResponse:
    """The page with the button."""
    return page(request, "log_in.html", next=own_path(request.args.get("next")), openid=_provider(request))


@log_in.post("/log-in/options", ctx_open=True)
async def log_in_options(request: Request) -> HTTPResponse:
    """What the browser asks the authenticator for."""
    return told(await request.app.ctx.operator_logins.login_options(_device(request).ip))


@log_in.post("/log-in", ctx_open=True)
@changes_state
async def log_in_by_passkey(request: Request) -> HTTPResponse:
    """A session, where the passkey is one of an operator's."""
    fields = json_object(request.raw)
    cookie = await request.app.ctx.operator_logins.login(_credential(fields), _device(request))
    return set_session(told({"next": own_path(fields.get("next"))}), cookie)


@log_in.get("/enrol", ctx_open=True)
async def show_enrol(request: Request) -> HTTPResponse:
    """The page that a link leads to; the secret stays in the browser until the button is pressed."""
    return page(request, "enrol.html")


@log_in.post("/enrol/options", ctx_open=True)
async def enrol_options(request: Request) -> HTTPResponse:
    """What the browser makes a passkey from, where the link is good."""
    name, secret = _link(json_object(request.raw))
    return told(await request.app.ctx.operator_logins.enrol_options(name, secret, _device(request).ip))


@log_in.post("/enrol", ctx_open=True)
@changes_state
async def enrol(request: Request) -> HTTPResponse:
    """Store the passkey, spend the link, and begin a session."""
    fields = json_object(request.raw)
    name, secret = _link(fields)
    cookie = await request.app.ctx.operator_logins.enrol(name, secret, _credential(fields), _device(request))
    return set_session(told({"next": own_path("/")}), cookie)


@log_in.post("/log-out", ctx_role=Role.LOOK)
@changes_state
async def log_out(request: Request) -> HTTPResponse:
    """End the session that asks."""
    await request.app.ctx.operator_logins.logout(request.cookies.get(COOKIE) or "")
    return ended(see_other("/log-in"))


def _link(fields: dict[str, Any]) -> tuple[str, str]:
    problems: dict[str, str] = {}
    link = string(fields, "name", problems), string(fields, "secret", problems)
    if problems:
        raise InvalidRequest(problems)
    return link


def _credential(fields: dict[str, Any]) -> dict[str, Any]:
    credential = fields.get("credential")
    if not isinstance(credential, dict):
        raise InvalidRequest({"credential": N_("should be what the authenticator made, as JSON")})
    return credential


def _provider(request: Request) -> str:
    """What the button of the OpenID provider says; empty where there is none."""
    return urlsplit(request.app.ctx.settings.oidc_issuer).hostname or ""


def _device(request: Request) -> Device:
    """Where the operator sits."""
    return device(request.raw, request.app.ctx.settings.trusted_proxies)
