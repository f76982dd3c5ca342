"""The OpenAPI description of the audit trail, on the private listener. Its kin: `admin_documents.py`."""

from sanic_ext.extensions.openapi.definitions import Parameter

from service.errors import InvalidRequest
from service.events import Event
from service.routes.openapi import schemas
from service.routes.openapi.admin_documents import told
from service.routes.openapi.schemas import count, record, success

_EVENT = record(
    {
        "id": count(7),
        "at": schemas.TIME,
        "kind": schemas.choice("EventKind", Event),
        "user_id": schemas.nullable(42),
        "session_id": schemas.nullable(schemas.EXAMPLE_SESSION),
        "mobile": schemas.nullable("138****8000"),
        "ip": schemas.nullable("203.0.113.7"),
        "device": schemas.nullable("Ada's phone"),
        "operator": schemas.nullable("support"),
        "reason": schemas.nullable("revoked"),
        "request_id": schemas.nullable("2f1e9d3c0b7a48659e1d2c3b4a5f6071"),
    },
    title="Event",
)
_WHICH = tuple(
    Parameter(name, kind, "query", required=False, example=example)
    for name, kind, example in (
        ("user_id", int, 42),
        ("kind", str, "login"),
        ("ip", str, "203.0.113.7"),
        ("operator", str, "support"),
        ("since", str, "2026-01-31T12:00:00Z"),
        ("until", str, "2026-02-01T12:00:00Z"),
        ("cursor", str, "made-up"),
    )
)
FIND_EVENTS = told(
    "events",
    "Find events",
    "The audit trail, the newest first: what fits all that is asked for, from `since` up to, and without, `until`.",
    success({"events": schemas.listed(_EVENT), "next": schemas.nullable("made-up")}, "fifty at most", title="Events"),
    (InvalidRequest,),
    path=_WHICH,
    operation="findEvents",
)
EVENTS_AS_CSV = told(
    "events",
    "Find events, as CSV",
    "The same for a spreadsheet (RFC 4180), over all pages, up to 100,000 events; where there are more the last line "
    "says so, with the cursor to go on with. A text that a spreadsheet would run as a formula has a ' before it.",
    schemas.plain({"type": "string"}, "the names of the columns, and a line for each event", "text/csv"),
    (InvalidRequest,),
    path=_WHICH,
    operation="exportEvents",
)
