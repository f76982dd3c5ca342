"""`/authorizations`: log in, refresh, check, log out."""

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.entities import Device, Identity, TokenPair
from service.errors import InvalidRefreshToken, InvalidToken
from service.http.guards import authenticated, changes_state
from service.http.requests import BASE_PATH, App, Request, bearer, device
from service.http.responses import Data, nothing, ok
from service.routes import payloads
from service.routes.openapi import documents
from service.routes.payloads import Credentials

authorizations = Blueprint("authorizations", url_prefix=f"{BASE_PATH}/authorizations")


@authorizations.post("/")
@openapi.definition(**documents.LOG_IN)
@changes_state
async def log_in(request: Request) -> HTTPResponse:
    """Trade a code for a session."""
    return ok(await logged_in(request.app, payloads.credentials(request), device(request)))


@authorizations.put("/")
@openapi.definition(**documents.REFRESH)
@changes_state
async def refresh(request: Request) -> HTTPResponse:
    """Trade a refresh token for fresh tokens."""
    token = bearer(request)
    if token is None:
        raise InvalidRefreshToken
    return ok(await refreshed(request.app, token))


@authorizations.get("/")
@openapi.definition(**documents.CHECK)
@authenticated
async def check(_request: Request, identity: Identity) -> HTTPResponse:
    """Say whose an access token is, for gateways and backends."""
    data = {
        "user_id": identity.user_id,
        "session_id": identity.session_id,
        "expires_in": identity.expires_in,
    }
    return ok(data, headers={"X-User-Id": str(identity.user_id), "X-Session-Id": identity.session_id})


@authorizations.delete("/")
@openapi.definition(**documents.LOG_OUT)
@changes_state
async def log_out(request: Request) -> HTTPResponse:
    """End the session of the token sent."""
    token = bearer(request)
    if token is None:
        raise InvalidToken(sent=False)
    await request.app.ctx.authorizations.log_out(token)
    return nothing()


async def logged_in(app: App, credentials: Credentials, device: Device) -> Data:
    """What a login is answered."""
    pair, is_new = await app.ctx.authorizations.log_in(credentials.mobile, credentials.code, device)
    return {**_tokens(pair), "is_new_user": is_new}


async def refreshed(app: App, token: str) -> Data:
    """What a refresh is answered."""
    return _tokens(await app.ctx.authorizations.refresh(token))


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
