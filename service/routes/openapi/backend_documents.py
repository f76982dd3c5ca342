"""The OpenAPI description of what other backends and those who watch the service call. Apps: `documents.py`."""

from sanic_ext.extensions.openapi.definitions import RequestBody

from service.errors import InvalidRequest, InvalidToken, ServiceUnavailable
from service.routes.openapi import schemas
from service.routes.openapi.schemas import NOT_JSON, TOO_LARGE, count, operation, plain, record, success, text

_ACTIVE = record(
    {
        "active": {"type": "boolean"},
        "sub": text("42"),
        "sid": schemas.SESSION_ID,
        "exp": count(1_767_229_200),
        "iat": count(1_767_225_600),
        "token_type": {"type": "string", "enum": ["Bearer"]},
    },
    optional=("sub", "sid", "exp", "iat", "token_type"),
)
_FORM = {"schema": record({"token": text(schemas.EXAMPLE_TOKEN, minLength=1)})}
_STORE = {"type": "string", "enum": ["ok", "unavailable"]}

INTROSPECT = operation(
    "introspection",
    "Introspect a token (RFC 7662)",
    "For backends that hold one of SERVICE_KEYS. Without the envelope. Refresh tokens are never active.",
    plain(_ACTIVE, 'active, or {"active": false}'),
    (InvalidRequest, InvalidToken, ServiceUnavailable),
    refused=(TOO_LARGE, NOT_JSON),
    body=RequestBody({"application/x-www-form-urlencoded": _FORM}, required=True),
    secured=schemas.SERVICE_KEY,
)
HEALTHZ = operation(
    "health",
    "The process answers",
    "No I/O: for restarts.",
    success({"status": {"type": "string", "enum": ["alive"]}}, "alive"),
)
READYZ = operation(
    "health",
    "Redis and the database answer",
    "For load balancers. A failure says which of them does not, in `stores`.",
    success({"redis": _STORE, "database": _STORE}, "ready"),
    (ServiceUnavailable,),
)
METRICS = operation(
    "health",
    "Prometheus metrics",
    "Those of all workers, in Prometheus' text format.",
    plain({"type": "string"}, "all workers' metrics", "text/plain"),
)
