"""`/authorizations`: log in, refresh, check, log out."""

from typing import Any

from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.entities import Identity, TokenPair
from service.errors import InvalidRefreshToken, InvalidToken
from service.routes import checks, documents, payloads
from service.routes.answers import nothing, ok
from service.routes.guards import authenticated, changes_state
from service.routes.requests import BASE_PATH, Request, bearer, device

authorizations = Blueprint("authorizations", url_prefix=f"{BASE_PATH}/authorizations")


@authorizations.post("/")
@openapi.definition(**documents.LOG_IN)
@changes_state
async def log_in(request: Request) -> HTTPResponse:
    """Trade a code for a session."""
    credentials = payloads.credentials(request)
    pair, is_new = await request.app.ctx.authorizations.log_in(credentials.mobile, credentials.code, device(request))
    return ok({**_tokens(pair), "is_new_user": is_new})


@authorizations.put("/")
@openapi.definition(**documents.REFRESH)
@changes_state
async def refresh(request: Request) -> HTTPResponse:
    """Trade a refresh token for fresh tokens."""
    token = bearer(request)
    if token is None:
        raise InvalidRefreshToken
    return ok(_tokens(await request.app.ctx.authorizations.refresh(token)))


@authorizations.get("/")
@openapi.definition(**documents.CHECK)
@authenticated
async def check(_request: Request, identity: Identity) -> HTTPResponse:
    """Say whose an access token is, for gateways and backends."""
    return checks.confirmation(identity)


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


def _tokens(pair: TokenPair) -> dict[str, Any]:
    return {
        "token": pair.token,
        "refresh_token": pair.refresh_token,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
        "refresh_expires_in": pair.refresh_expires_in,
        "user_id": pair.user_id,
        "session_id": pair.session_id,
    }
