"""The OpenAPI description of who is online and what works. Its kin: `admin_documents.py`."""

from service.routes.openapi import schemas
from service.routes.openapi.admin_documents import told
from service.routes.openapi.message_documents import CODES, SENDER
from service.routes.openapi.schemas import Schema, count, record, success


def _or_null(schema: Schema) -> Schema:
    return {**schema, "nullable": True}


_ACTIVE = record(
    {
        "last_5_minutes": count(120, "since the beginning of the minute 5 minutes ago"),
        "last_hour": count(800, "since the beginning of the minute an hour ago"),
        "last_day": count(5200, "since the beginning of the hour 24 hours ago"),
    },
    title="ActivePeople",
)
_SESSIONS = record(
    {
        "live": count(9100),
        "standard_error": count(180, "the true number is within twice this, 19 times of 20"),
        "estimated_at": schemas.TIME,
    },
    title="LiveSessions",
)
_MINUTE = record(
    {
        "at": schemas.TIME,
        "logins": count(7),
        "codes_sent": count(9, "of all purposes, without those of TEST_CODES"),
        "codes_used": count(7),
        "shed": count(0, "requests and connections refused because a worker had enough to do"),
        "refused": {
            "type": "object",
            "additionalProperties": count(2),
            "title": "RefusedByLimit",
            "description": "requests refused by a limit, by its name",
            "example": {"codes_per_ip": 2},
        },
    },
    title="Minute",
)
_SENDER = record(
    {
        **SENDER,
        "sent": count(54, "messages taken in the last hour"),
        "failed": count(1, "messages not taken in the last hour"),
        "refused": count(0, "messages of the last hour refused because their number gets too many"),
    },
    title="SenderNow",
)
NOW = told(
    "now",
    "Who is online, and what works",
    "`active`: people whose token was checked or refreshed, or who logged in (HyperLogLog, standard error 0.81 %). "
    "`sessions`: the live ones, estimated in the background about once a minute; null until then. `by_minute`: the "
    "last sixty, the oldest first, the one that goes on among them. Workers add what they see every 5 s. `senders`: "
    "those of SMS_SENDER. `codes`: as in `messages`, of the five worst prefixes. With Redis away it is 200 all the "
    "same, `stores` says so, and what it does not tell is null.",
    success(
        {
            "active": _or_null(_ACTIVE),
            "sessions": _or_null(_SESSIONS),
            "by_minute": _or_null(schemas.listed(_MINUTE)),
            "stores": record({"redis": schemas.STORE_STATE, "database": schemas.STORE_STATE}, title="Stores"),
            "outages": {
                "type": "object",
                "additionalProperties": schemas.text("Redis at redis://10.0.0.7:6379/0 does not answer (TimeoutError)"),
                "title": "Outages",
                "description": "of each store that is unavailable what `latch check` says",
                "example": {},
            },
            "senders": _or_null(schemas.listed(_SENDER)),
            "codes": _or_null(record(CODES, title="Codes")),
        },
        "how it is now",
        title="Now",
    ),
    operation="getNow",
)
