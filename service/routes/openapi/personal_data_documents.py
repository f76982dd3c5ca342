"""The OpenAPI description of erasing and exporting people, for operators. Its kin: `admin_documents.py`."""

from service.errors import InvalidRequest, NotFound
from service.events import Event
from service.routes.openapi import schemas
from service.routes.openapi.admin_documents import SESSION, USER, USER_ID, told
from service.routes.openapi.schemas import count, record, success, text

_USER = record(
    {
        **{name: schema for name, schema in USER.items() if name != "sessions"},
        "name": text("Ada"),
        "mobile": schemas.nullable(schemas.EXAMPLE_MOBILE),
    },
    title="ExportedUser",
)
_EVENT = record(
    {
        "id": count(7),
        "at": schemas.TIME,
        "kind": schemas.choice("EventKind", Event),
        "session_id": schemas.nullable(schemas.EXAMPLE_SESSION),
        "mobile": schemas.nullable("138****8000"),
        "ip": schemas.nullable("203.0.113.7"),
        "device": schemas.nullable("Ada's phone"),
        "reason": schemas.nullable("revoked"),
        "request_id": schemas.nullable("2f1e9d3c0b7a48659e1d2c3b4a5f6071"),
        "by_operator": {"type": "boolean"},
    },
    title="ExportedEvent",
)
ERASE = told(
    "people",
    "Erase a person",
    "Ends the sessions, deletes the row, forgets codes, limits, cool-downs and devices, and leaves events under an id "
    "that says nothing. Also somebody of whom only sessions or events are left. After a 503 repeat it, by the same id.",
    success(
        {
            "erased": record(
                {
                    "users": count(1),
                    "sessions": count(2),
                    "codes": count(1),
                    "limits": count(3, "of the number, with its cool-down"),
                    "events": count(40),
                    "devices": count(1, "1 where any was known by its id"),
                },
                title="ErasedCounts",
            )
        },
        "how many of each there were",
        title="ErasedPerson",
    ),
    (InvalidRequest, NotFound),
    path=(USER_ID,),
    reason_due=True,
    operation="erasePerson",
)
EXPORT = told(
    "people",
    "Export a person",
    "All that is kept, the number whole, without secrets and names of operators; the audit trail has it. It is sent "
    "while it is read; where a store goes away amid that the connection is cut, and what came is no JSON.",
    success(
        {
            "user_id": schemas.USER_ID,
            "user": {**_USER, "nullable": True},
            "sessions": schemas.listed(SESSION),
            "codes": count(1),
            "limits": count(3, "of the number, with its cool-down"),
            "devices": count(2, "that are known by their ids"),
            "events": schemas.listed(_EVENT),
        },
        "what is kept",
        title="ExportedPerson",
    ),
    (InvalidRequest, NotFound),
    path=(USER_ID,),
    reason_due=True,
    operation="exportPerson",
)
