"""The OpenAPI description of what ends many sessions, on the private listener."""

from sanic_ext.extensions.openapi.definitions import Parameter

from service.errors import InvalidRequest, NotFound, TooManyRequests
from service.routes.openapi import schemas
from service.routes.openapi.admin_documents import told
from service.routes.openapi.schemas import count, success, text
from service.selections import State

_JOB = {
    "id": text("5d41402abc4b2a76"),
    "what": text("prefix 138, ip 203.0.113.0/24", description="the filters in short"),
    "by": text("support", description="whose key"),
    "started_at": schemas.TIME,
    "dry_run": {"type": "boolean"},
    "state": schemas.choice("RevocationState", State),
    "matched": count(12, "sessions found so far"),
    "ended": count(12, "of these"),
    "why": schemas.nullable("its process has ended"),
}
_FILTERS = {
    "users": {
        "type": "array",
        "items": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "minItems": 1,
        "example": [42, "13800138000"],
        "description": "user ids and numbers",
    },
    "prefix": text("138", description="first digits of the number", pattern="^[0-9]{3,11}$"),
    "ip": text("203.0.113.0/24", description="an address or a network"),
    "device": text("Ada's phone", description="its name as it is shown, the whole of it", minLength=1, maxLength=64),
    "before": text("2026-01-31T12:00:00Z", description="of the login; in the past", format="date-time"),
    "everyone": {"type": "boolean", "description": "with `before` at most"},
    "dry_run": {"type": "boolean", "description": "count only"},
}
_ID = Parameter("revocation_id", str, "path", required=True, example="5d41402abc4b2a76")

BEGIN = told(
    "revocations",
    "End many sessions",
    "Those that fit all filters, in the background. Without a filter it is refused unless `everyone` is true; then "
    "`X-Reason` is due, and whoever logs in from now on stays logged in. A dry run counts: `matched`.",
    success(_JOB, "under way", status=202, title="Revocation"),
    (InvalidRequest, TooManyRequests),
    body=schemas.json_body(_FILTERS, tuple(_FILTERS), "Filters"),
    operation="beginRevocation",
)
LOOK = told(
    "revocations",
    "Look how far a revocation is",
    "For a day after its last step. One whose process has ended is `failed`.",
    success(_JOB, "the revocation", title="Revocation"),
    (NotFound,),
    path=(_ID,),
    operation="getRevocation",
)
STOP = told(
    "revocations",
    "Stop a revocation",
    "At its next step; what has ended stays ended. One that is over stays as it is.",
    success(_JOB, "the revocation", title="Revocation"),
    (NotFound,),
    path=(_ID,),
    operation="stopRevocation",
)
