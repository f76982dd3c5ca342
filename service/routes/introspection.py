"""`/introspect`: other backends ask whether a token is good (RFC 7662)."""

import hmac

import orjson
from sanic import Blueprint, HTTPResponse
from sanic.exceptions import SanicException
from sanic_ext import openapi

from service.errors import InvalidRequest, InvalidToken, SessionEnded
from service.events import Event
from service.http.errors import STATUS
from service.http.requests import BASE_PATH, Request, bearer
from service.http.responses import JSON
from service.routes.openapi import backend_documents

introspection = Blueprint("introspection", url_prefix=f"{BASE_PATH}/introspect")

FORM = "application/x-www-form-urlencoded"


@introspection.post("/")
@openapi.definition(**backend_documents.INTROSPECT)
async def introspect(request: Request) -> HTTPResponse:
    """Answer for one token, without the envelope. Whatever is not a live access token is inactive, and no more."""
    _require_service_key(request)
    try:
        identity = await request.app.ctx.authorizations.check(_token(request))
    except (InvalidToken, SessionEnded):
        return HTTPResponse(orjson.dumps({"active": False}), content_type=JSON)
    claims = {
        "active": True,
        "sub": str(identity.user_id),
        "sid": identity.session_id,
        "exp": int(identity.expires_at),
        "iat": int(identity.issued_at),
        "token_type": "Bearer",
    }
    return HTTPResponse(orjson.dumps(claims), content_type=JSON)


def _require_service_key(request: Request) -> None:
    sent = bearer(request.raw)
    given = (sent or "").encode(errors="surrogateescape")
    keys = [key.get_secret_value().encode() for key in request.app.ctx.settings.service_keys]
    if not any([hmac.compare_digest(given, key) for key in keys]):  # noqa: C419 - a list: every one is compared
        request.app.ctx.events.record(Event.INTROSPECTION_REFUSED)
        raise InvalidToken(sent=sent is not None)


def _token(request: Request) -> str:
    media_type = request.headers.getone("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise SanicException("unsupported media type", status_code=STATUS["unsupported_media_type"])
    token: str | None = request.form.get("token") if request.form else None
    if token is None:
        raise InvalidRequest({"token": "is missing"})
    return token
