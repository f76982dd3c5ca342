"""`/authorizations`: log in, refresh, check, log out."""

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.entities import TokenPair
from service.errors import InvalidRefreshToken, InvalidToken
from service.http import fastpath
from service.http.fastpath import FastRoute
from service.http.guards import changes_state, identified
from service.http.head import RawRequest
from service.http.requests import BASE_PATH, App, Request, bearer, device, own_id
from service.http.responses import Answer, Data, nothing, ok
from service.routes import payloads
from service.routes.openapi import documents
from service.runtime.admission import RequestClass

PATH = f"{BASE_PATH}/authorizations"

authorizations = Blueprint("authorizations", url_prefix=PATH)


async def log_in(app: App, raw: RawRequest) -> Answer:
    """Trade a code for a session."""
    settings = app.ctx.settings
    sent = payloads.credentials(raw, settings.code_length)
    client = device(raw, settings.trusted_proxies)
    pair, is_new = await app.ctx.logins.log_in(sent.mobile, sent.code, client, own_id(raw))
    return ok({**_tokens(pair), "is_new_user": is_new})


async def refresh(app: App, raw: RawRequest) -> Answer:
    """Trade a refresh token for fresh tokens."""
    token = bearer(raw)
    if token is None:
        raise InvalidRefreshToken
    return ok(_tokens(await app.ctx.authorizations.refresh(token)))


async def check(app: App, raw: RawRequest) -> Answer:
    """Say whose an access token is, for gateways and backends."""
    identity = await identified(app, raw)
    user_id, session_id = identity.user_id, identity.session_id
    data = {"user_id": user_id, "session_id": session_id, "expires_in": identity.expires_in}
    return ok(data, headers={"X-User-Id": str(user_id), "X-Session-Id": session_id})


LOG_IN = FastRoute("POST", PATH, RequestClass.DATABASE, log_in, has_body=True, mutates=True)
REFRESH = FastRoute("PUT", PATH, RequestClass.REFRESHES, refresh, mutates=True)
CHECK = FastRoute("GET", PATH, RequestClass.SESSIONS, check)

fastpath.add_to(authorizations, LOG_IN, openapi.definition(**documents.LOG_IN))
fastpath.add_to(authorizations, REFRESH, openapi.definition(**documents.REFRESH))
fastpath.add_to(authorizations, CHECK, openapi.definition(**documents.CHECK))


@authorizations.delete("/")
@openapi.definition(**documents.LOG_OUT)
@changes_state
async def log_out(request: Request) -> HTTPResponse:
    """End the session of the token sent."""
    token = bearer(request.raw)
    if token is None:
        raise InvalidToken(sent=False)
    await request.app.ctx.authorizations.log_out(token)
    return nothing()


def _tokens(pair: TokenPair) -> Data:
    return {
        "token": pair.token,
        "refresh_token": pair.refresh_token,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
        "refresh_expires_in": pair.refresh_expires_in,
        "user_id": pair.user_id,
        "session_id": pair.session_id,
    }
