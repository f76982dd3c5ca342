"""The OpenAPI description of what other backends and those who watch the service call. Apps: `documents.py`."""

from sanic_ext.extensions.openapi.definitions import RequestBody

from service.errors import InvalidClient, InvalidRequest, NotFound, ServiceUnavailable, UnsupportedMediaType
from service.routes.openapi import schemas
from service.routes.openapi.operations import failure, operation
from service.routes.openapi.schemas import NOT_JSON, TOO_LARGE, count, plain, record, success, text
from service.routes.payloads import FORM, FORM_EXPECTED

_ACTIVE = record(
    {
        "active": {"type": "boolean"},
        "sub": text("42"),
        "sid": schemas.SESSION_ID,
        "exp": count(1_767_229_200),
        "iat": count(1_767_225_600),
        "token_type": schemas.TOKEN_TYPE,
        "client_id": schemas.choice("Issuer", ["latch"]),
        "username": text("42"),
    },
    optional=("sub", "sid", "exp", "iat", "token_type", "client_id", "username"),
    title="Introspection",
)
_FORM = record(
    {
        "token": text(schemas.EXAMPLE_TOKEN, minLength=1),
        "token_type_hint": text("access_token", description="not looked at"),
        "client_id": text("orders", description="any name"),
        "client_secret": text("", description="the service key, where no header brings it"),
    },
    optional=("token_type_hint", "client_id", "client_secret"),
    title="IntrospectionRequest",
)
_METADATA = record(
    {
        "issuer": text("https://login.example.com"),
        "introspection_endpoint": text("https://login.example.com/app/v1_0/introspect"),
        "introspection_endpoint_auth_methods_supported": {"type": "array", "items": {"type": "string"}},
        "response_types_supported": {"type": "array", "items": {"type": "string"}},
    },
    title="ServerMetadata",
)

INTROSPECT = operation(
    "introspection",
    "Introspect a token (RFC 7662)",
    "For backends that hold one of SERVICE_KEYS: sent as Bearer, as password of Basic (any user), or "
    "as `client_secret` in the form, in one way alone. Without the envelope. Refresh tokens are never active.",
    plain(_ACTIVE, 'active, or {"active": false}'),
    (InvalidRequest, InvalidClient, ServiceUnavailable),
    refused=(TOO_LARGE,),
    body=RequestBody({FORM: {"schema": _FORM}}, required=True),
    operation="introspect",
)
INTROSPECT["response"].append(failure(NOT_JSON, [(UnsupportedMediaType.code, FORM_EXPECTED)], title="FormExpected"))
METADATA = operation(
    "introspection",
    "Authorization server metadata (RFC 8414)",
    "For clients that insist on it: where introspection is. 404 where PUBLIC_URL is empty.",
    plain(_METADATA, "the metadata"),
    (NotFound,),
    operation="getServerMetadata",
)
HEALTHZ = operation(
    "health",
    "The process answers",
    "No I/O: for restarts.",
    success({"status": schemas.choice("Alive", ["alive"])}, "alive", title="Health"),
    operation="checkHealth",
)
READYZ = operation(
    "health",
    "Redis and the database answer, and PostgreSQL takes writes",
    "For load balancers. A failure says which of them does not, in `stores`.",
    success({"redis": schemas.STORE_STATE, "database": schemas.STORE_STATE}, "ready", title="Stores"),
    (ServiceUnavailable,),
    operation="checkReadiness",
)
METRICS = operation(
    "health",
    "Prometheus metrics",
    "Those of all workers, in Prometheus' text format.",
    plain({"type": "string"}, "all workers' metrics", "text/plain"),
    operation="getMetrics",
)
