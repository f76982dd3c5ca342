"""The OpenAPI description of what other backends and those who watch the service call. Apps: `documents.py`."""

from typing import Any

from sanic_ext.extensions.openapi.definitions import RequestBody, Response

from service.errors import InvalidClient, InvalidRequest, NotFound, ServiceUnavailable, UnsupportedMediaType
from service.routes.openapi.schemas import (
    EXAMPLE_TOKEN,
    NOT_JSON,
    SESSION_ID,
    TOO_LARGE,
    count,
    failure,
    failures,
    record,
    refusals,
    success,
    text,
)
from service.routes.payloads import FORM, FORM_EXPECTED

_ACTIVE = record(
    {
        "active": {"type": "boolean"},
        "sub": text("42"),
        "sid": SESSION_ID,
        "exp": count(1_767_229_200),
        "iat": count(1_767_225_600),
        "token_type": {"type": "string", "enum": ["Bearer"]},
        "client_id": {"type": "string", "enum": ["latch"]},
        "username": text("42"),
    },
    optional=("sub", "sid", "exp", "iat", "token_type", "client_id", "username"),
)
_FORM = record(
    {
        "token": text(EXAMPLE_TOKEN, minLength=1),
        "token_type_hint": text("access_token", description="not looked at"),
        "client_id": text("orders", description="any name"),
        "client_secret": text("", description="the service key, where no header brings it"),
    },
    optional=("token_type_hint", "client_id", "client_secret"),
)
_METADATA = record(
    {
        "issuer": text("https://login.example.com"),
        "introspection_endpoint": text("https://login.example.com/app/v1_0/introspect"),
        "introspection_endpoint_auth_methods_supported": {"type": "array", "items": {"type": "string"}},
        "response_types_supported": {"type": "array", "items": {"type": "string"}},
    }
)
INTROSPECT: dict[str, Any] = {
    "summary": "Introspect a token (RFC 7662)",
    "description": "For backends that hold one of SERVICE_KEYS: sent as Bearer, as password of Basic (any user), or "
    "as `client_secret` in the form, in one way alone. Without the envelope. Refresh tokens are never active.",
    "tag": "introspection",
    "body": RequestBody({FORM: {"schema": _FORM}}, required=True),
    "response": [
        Response({"application/json": {"schema": _ACTIVE}}, status=200, description='active, or {"active": false}'),
        *failures(InvalidRequest, InvalidClient, ServiceUnavailable),
        *refusals(TOO_LARGE),
        failure(NOT_JSON, [(UnsupportedMediaType.code, FORM_EXPECTED)]),
    ],
}
METADATA: dict[str, Any] = {
    "summary": "Authorization server metadata (RFC 8414)",
    "description": "For clients that insist on it: where introspection is. 404 where PUBLIC_URL is empty.",
    "tag": "introspection",
    "response": [
        Response({"application/json": {"schema": _METADATA}}, status=200, description="the metadata"),
        *failures(NotFound),
    ],
}
HEALTHZ: dict[str, Any] = {
    "summary": "The process answers",
    "description": "No I/O: for restarts.",
    "tag": "health",
    "response": [success({"status": {"type": "string", "enum": ["alive"]}}, "alive"), *failures()],
}
_STORE = {"type": "string", "enum": ["ok", "unavailable"]}
READYZ: dict[str, Any] = {
    "summary": "Redis and the database answer",
    "description": "For load balancers. A failure says which of them does not, in `stores`.",
    "tag": "health",
    "response": [success({"redis": _STORE, "database": _STORE}, "ready"), *failures(ServiceUnavailable)],
}
METRICS: dict[str, Any] = {
    "summary": "Prometheus metrics",
    "tag": "health",
    "response": [
        Response({"text/plain": {"schema": {"type": "string"}}}, status=200, description="all workers' metrics"),
        *failures(),
    ],
}
