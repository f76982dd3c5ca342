"""`/introspect`: other backends ask whether a token is good (RFC 7662), and learn where that is (RFC 8414)."""

from typing import Any
from urllib.parse import urlsplit

import orjson
from sanic import Blueprint, HTTPResponse
from sanic_ext import openapi

from service.errors import InvalidClient, InvalidRequest, InvalidToken, NotFound, SessionEnded
from service.events import Event
from service.http.guards import service_key
from service.http.requests import BASE_PATH, Request
from service.http.responses import JSON
from service.routes import payloads
from service.routes.openapi import backend_documents, schemas

PATH, METADATA = f"{BASE_PATH}/introspect", "/.well-known/oauth-authorization-server"
CLIENT_ID = "latch"  # of every token: Latch has one kind of app

introspection = Blueprint("introspection", url_prefix=PATH)
metadata = Blueprint("metadata", url_prefix=METADATA)


@introspection.post("/")
@openapi.definition(**backend_documents.INTROSPECT)
@openapi.secured(schemas.SERVICE_KEY)
@openapi.secured(schemas.SERVICE_KEY_AS_PASSWORD)
async def introspect(request: Request) -> HTTPResponse:
    """Answer for one token, without the envelope. Whatever is not a live access token is inactive, and no more."""
    form = payloads.form(request.raw, "token", "token_type_hint", "client_id", "client_secret")
    request.ctx.client = _client(request, form.get("client_secret"))
    if "token" not in form:
        raise InvalidRequest({"token": payloads.MISSING})
    try:
        identity = await request.app.ctx.authorizations.check(form["token"])
    except (InvalidToken, SessionEnded):
        return _json({"active": False})
    return _json(
        {
            "active": True,
            "sub": str(identity.user_id),
            "sid": identity.session_id,
            "exp": int(identity.expires_at),
            "iat": int(identity.issued_at),
            "token_type": "Bearer",
            "client_id": CLIENT_ID,
            "username": str(identity.user_id),
        }
    )


def _client(request: Request, secret_in_form: str | None) -> str:
    """The name of the service key that was sent. Raises InvalidClient, InvalidRequest."""
    try:
        return service_key(request.raw, secret_in_form, request.app.ctx.settings.named_service_keys)
    except InvalidClient:
        request.app.ctx.events.record(Event.INTROSPECTION_REFUSED)
        raise


@metadata.get("/")
@openapi.definition(**backend_documents.METADATA)
async def describe(request: Request) -> HTTPResponse:
    """Say where introspection is, and how a client proves itself there."""
    return _metadata(request.app.ctx.settings.public_url)


@metadata.get("/<path:path>")
@openapi.exclude()
async def describe_below(request: Request, path: str) -> HTTPResponse:
    """The same where an issuer with a path has it: behind the well-known part (RFC 8414 section 3.1)."""
    issuer = request.app.ctx.settings.public_url
    return _metadata(issuer if urlsplit(issuer).path == f"/{path}" else "")


def _metadata(issuer: str) -> HTTPResponse:
    """RFC 8414 section 2, of the address in PUBLIC_URL alone: anybody can send a Host."""
    if not issuer:
        raise NotFound
    return _json(
        {
            "issuer": issuer,
            "introspection_endpoint": f"{issuer}{PATH}",
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "Bearer"],
            # Demanded, and clients refuse an empty list: the registered name of no response at all.
            "response_types_supported": ["none"],
        }
    )


def _json(body: dict[str, Any]) -> HTTPResponse:
    return HTTPResponse(orjson.dumps(body), content_type=JSON)
