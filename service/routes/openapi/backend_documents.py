"""The OpenAPI description of what other backends and those who watch the service call. Apps: `documents.py`."""

from typing import Any

from sanic_ext.extensions.openapi.definitions import RequestBody, Response

from service.errors import (
    InvalidRequest,
    InvalidToken,
    ServiceUnavailable,
)
from service.routes.openapi.schemas import (
    EXAMPLE_TOKEN,
    NOT_JSON,
    SERVICE_KEY,
    SESSION_ID,
    TOO_LARGE,
    count,
    failures,
    record,
    refusals,
    success,
    text,
)

_ACTIVE = record(
    {
        "active": {"type": "boolean"},
        "sub": text("42"),
        "sid": SESSION_ID,
        "exp": count(1_767_229_200),
        "iat": count(1_767_225_600),
        "token_type": {"type": "string", "enum": ["Bearer"]},
    },
    optional=("sub", "sid", "exp", "iat", "token_type"),
)
INTROSPECT: dict[str, Any] = {
    "summary": "Introspect a token (RFC 7662)",
    "description": "For backends that hold one of SERVICE_KEYS. Without the envelope. Refresh tokens are never active.",
    "tag": "introspection",
    "body": RequestBody(
        {"application/x-www-form-urlencoded": {"schema": record({"token": text(EXAMPLE_TOKEN, minLength=1)})}},
        required=True,
    ),
    "response": [
        Response({"application/json": {"schema": _ACTIVE}}, status=200, description='active, or {"active": false}'),
        *failures(InvalidRequest, InvalidToken, ServiceUnavailable),
        *refusals(TOO_LARGE, NOT_JSON),
    ],
    "secured": {SERVICE_KEY: []},
}
HEALTHZ: dict[str, Any] = {
    "summary": "The process answers",
    "description": "No I/O: for restarts.",
    "tag": "health",
    "response": [success({"status": {"type": "string", "enum": ["alive"]}}, "alive"), *failures()],
}
_STORE = {"type": "string", "enum": ["ok", "unavailable"]}
READYZ: dict[str, Any] = {
    "summary": "Redis and the database answer, and PostgreSQL takes writes",
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
