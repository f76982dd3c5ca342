"""The OpenAPI description of webhooks and dead letters, on the private listener."""

from sanic_ext.extensions.openapi.definitions import Parameter

from service.errors import InvalidRequest, NotFound
from service.http.webhooks import FAILING, PAUSED, UNKNOWN, WORKS
from service.routes.openapi import schemas
from service.routes.openapi.admin_documents import told
from service.routes.openapi.schemas import count, nothing, record, success, text

_LETTER_ID = "1769860800000-0"
_RECEIVER = record(
    {
        "number": count(1, "its place in WEBHOOK_URLS"),
        "name": text("1 crm.example.com", description="that, and its host"),
        "state": schemas.choice("ReceiverState", [WORKS, FAILING, PAUSED, UNKNOWN]),
        "waiting": count(0, "events that it has not taken yet"),
        "oldest_at": schemas.nullable("2026-01-31T12:00:00Z"),
        "last_success_at": schemas.nullable("2026-01-31T12:00:00Z"),
        "last_failure_at": schemas.nullable("2026-01-31T11:40:00Z"),
        "last_failure": schemas.nullable("status 500"),
        "paused_until": {
            **schemas.nullable("2026-01-31T12:00:30Z"),
            "description": "when it is tried again, with one event; null: it is not paused",
        },
        "dead_letters": count(0),
    },
    title="Receiver",
)
_LETTER = {
    "id": text(_LETTER_ID),
    "receiver": {**schemas.nullable("1 crm.example.com"), "description": "null where it is none of WEBHOOK_URLS"},
    "webhook_id": text("evt_1769774400000-0"),
    "type": text("session.ended"),
    "user_id": text("42"),
    "timestamp": schemas.TIME,
    "data": {
        "type": "object",
        "additionalProperties": True,
        "example": {"user_id": 42, "reason": "revoked"},
        "title": "EventData",
    },
    "tries": count(33, "since the worker began that gave it up"),
    "problem": text("status 500", description="what became of the last one"),
    "given_up_at": schemas.TIME,
}
_ID = Parameter("letter_id", str, "path", required=True, example=_LETTER_ID)
_RESENT = {"resent": count(1)}

RECEIVERS = told(
    "webhooks",
    "How the receivers of webhooks fare",
    "Those of WEBHOOK_URLS, in its order. A receiver that fails for several people in a row is paused, and then tried "
    "with one event at a time.",
    success({"receivers": schemas.listed(_RECEIVER)}, "the receivers", title="Receivers"),
    operation="listReceivers",
)
LIST = told(
    "webhooks",
    "List dead letters",
    "Events that a receiver has not taken for a day, the newest first; ten thousand are kept.",
    success(
        {"dead_letters": schemas.listed(record(_LETTER, title="DeadLetter")), "next": schemas.nullable(_LETTER_ID)},
        "fifty at most",
        title="DeadLetters",
    ),
    (InvalidRequest,),
    path=(Parameter("cursor", str, "query", required=False, description="the `next` of an answer"),),
)
LOOK = told(
    "webhooks",
    "Look at a dead letter",
    "All that was to be sent, and what became of it.",
    success(_LETTER, "the letter", title="DeadLetter"),
    (NotFound,),
    path=(_ID,),
    operation="readDeadLetter",
)
RESEND = told(
    "webhooks",
    "Send a dead letter once more",
    "To its receiver, under the same `webhook-id`, behind what waits; for another day.",
    success(_RESENT, "it waits to be sent", title="Resent"),
    (NotFound,),
    path=(_ID,),
    operation="resendDeadLetter",
)
RESEND_ALL = told(
    "webhooks",
    "Send all dead letters of a receiver once more",
    "The oldest first.",
    success(_RESENT, "how many there were", title="Resent"),
    (InvalidRequest,),
    body=schemas.json_body({"receiver": count(1, "its number")}, title="ResendRequest"),
    operation="resendDeadLetters",
)
DELETE = told(
    "webhooks",
    "Delete a dead letter",
    "It is never sent.",
    nothing("deleted"),
    (NotFound,),
    path=(_ID,),
    operation="deleteDeadLetter",
)
