"""The OpenAPI description of what operators call, on the private listener. Read by sanic-ext, shown at its `/docs`."""

from typing import Any

from sanic_ext.extensions.openapi.definitions import Parameter, RequestBody, Response

from service.entities import By, UserStatus
from service.errors import Forbidden, InvalidKey, InvalidRequest, NotFound, ServiceError, ServiceUnavailable
from service.events import Event
from service.http.operators import REASON
from service.routes.openapi import schemas
from service.routes.openapi.documents import About
from service.routes.openapi.schemas import NOT_JSON, TOO_LARGE, count, nothing, operation, record, success, text

KEY = "key"
ABOUT = About(
    "Latch, for operators",
    """
People, their sessions, and who may look and act here. A key comes as `Authorization: Bearer`; `X-Reason`
(percent-encoded UTF-8) stands in the audit trail beside its name, and is due where it is said to be required. Roles:
`look` reads and explains, `act` does the rest, `owner` sees to operators and keys. Numbers, and names that hold their
user's number, are masked.
Whatever asks for another host than that of CONSOLE_URL is 421.
A success is `{"message": "ok", "data": {...}}`; a failure is `{"message", "error", "request_id"}`.
`message` and `fields` are for people, in the language of `Accept-Language` (`en`, `zh-CN`); `error` and `reason` are
for programs, and the same in every language.
""".strip(),
)

_ALWAYS = (InvalidKey, Forbidden, ServiceUnavailable)
USER_ID = Parameter("user_id", int, "path", required=True, example=42)
_STATUS = {"type": "string", "enum": [status.value for status in UserStatus]}
USER = {
    "id": schemas.USER_ID,
    "name": text("138****8000"),
    "mobile": {**schemas.nullable("138****8000"), "description": "masked; null where somebody else was given it"},
    "status": _STATUS,
    "created_at": schemas.TIME,
    "last_login": schemas.TIME,
    "sessions": count(2, "live ones"),
}
SESSION = record({name: schema for name, schema in schemas.SESSION["properties"].items() if name != "current"})


def told(
    tag: str,
    summary: str,
    description: str,
    answer: Response,
    errors: tuple[type[ServiceError], ...] = (),
    *,
    path: tuple[Parameter, ...] = (),
    body: RequestBody | None = None,
    reason_due: bool = False,
) -> dict[str, Any]:
    """An operation of the private listener: what all of them have in common, and what is its own.

    `reason_due`: it is not done without one, as `ctx_reason` of its route says; InvalidRequest is among its errors.
    """
    refused = (TOO_LARGE, NOT_JSON) if body else (TOO_LARGE,)
    reason = Parameter(REASON, str, "header", required=reason_due, description="why; for the audit trail")
    more: dict[str, Any] = {"parameter": [*path, reason], **({"body": body} if body else {})}
    return operation(tag, summary, description, answer, (*errors, *_ALWAYS), refused=refused, secured=KEY, **more)


_EXPLANATION = {
    "live": {"type": "boolean"},
    "kind": text("access token", description="empty where it is not live"),
    "user_id": schemas.nullable(42),
    "session_id": schemas.nullable(schemas.EXAMPLE_SESSION),
    "why": text("", description="empty where it is live"),
}
SEARCH = told(
    "people",
    "Find people",
    "By number, user id, session id (or the name of a key of the session), token or start of a name; without `q` the "
    "newest. `by` is what `q` was taken for, `explained` what `explain` says of a token. "
    "A session is found by its login in the audit trail, so not with `AUDIT_DAYS=0`. Names that are "
    "their user's number are found by the whole number alone. The role look finds by whole numbers and tokens only.",
    success(
        {
            "by": {"type": "string", "enum": list(By)},
            "users": {"type": "array", "items": record(USER)},
            "next": schemas.nullable("41"),
            "explained": {**record(_EXPLANATION), "nullable": True},
        },
        "fifty at most",
    ),
    (InvalidRequest,),
    body=schemas.json_body(
        {"q": text("13800138000"), "cursor": text("41", description="the `next` of an answer")},
        optional=("q", "cursor"),
    ),
)
LOOK = told(
    "people", "Look at a person", "Name and number masked.", success(USER, "the user"), (NotFound,), path=(USER_ID,)
)
CHANGE = told(
    "people",
    "Rename, disable or enable",
    "`disabled` lets the user log in no more, and ends every session.",
    success(USER, "the user"),
    (InvalidRequest, NotFound),
    path=(USER_ID,),
    body=schemas.json_body({"name": text("Ada", minLength=1, maxLength=64), "status": _STATUS}, ("name", "status")),
)
REVEAL = told(
    "people",
    "Reveal name and number",
    "Whole; the audit trail has it.",
    success({"name": text("13800138000"), "mobile": schemas.HELD_MOBILE}, "name and number"),
    (NotFound,),
    path=(USER_ID,),
)
UNLOCK = told(
    "people",
    "Unlock a number",
    "Forgets its wrong tries, codes and cool-down; nothing of a person who has no number.",
    success(USER, "the user"),
    (NotFound,),
    path=(USER_ID,),
)
LIST_SESSIONS = told(
    "sessions",
    "List a person's devices",
    "The live sessions, the newest login first; also of an id that the database does not know any more.",
    success({"sessions": {"type": "array", "items": SESSION}}, "the sessions"),
    (NotFound,),
    path=(USER_ID,),
)
END_SESSIONS = told(
    "sessions",
    "End all of a person's sessions",
    "Also of an id that the database does not know any more.",
    success({"ended": count(2)}, "how many were live"),
    (NotFound,),
    path=(USER_ID,),
)
END_SESSION = told(
    "sessions",
    "End one session",
    "Its access and refresh token die at once.",
    nothing("ended"),
    (NotFound,),
    path=(USER_ID, Parameter("session_id", str, "path", required=True, example=schemas.EXAMPLE_SESSION)),
)
_EVENT = record(
    {
        "id": count(7),
        "at": schemas.TIME,
        "kind": {"type": "string", "enum": [event.value for event in Event]},
        "user_id": schemas.nullable(42),
        "session_id": schemas.nullable(schemas.EXAMPLE_SESSION),
        "mobile": schemas.nullable("138****8000"),
        "ip": schemas.nullable("203.0.113.7"),
        "device": schemas.nullable("Ada's phone"),
        "operator": schemas.nullable("support"),
        "reason": schemas.nullable("revoked"),
        "request_id": schemas.nullable("2f1e9d3c0b7a48659e1d2c3b4a5f6071"),
    }
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
    success({"events": {"type": "array", "items": _EVENT}, "next": schemas.nullable("made-up")}, "fifty at most"),
    (InvalidRequest,),
    path=_WHICH,
)
EVENTS_AS_CSV = told(
    "events",
    "Find events, as CSV",
    "The same for a spreadsheet (RFC 4180), over all pages, up to 100,000 events; where there are more the last line "
    "says so, with the cursor to go on with. A text that a spreadsheet would run as a formula has a ' before it.",
    schemas.plain({"type": "string"}, "the names of the columns, and a line for each event", "text/csv"),
    (InvalidRequest,),
    path=_WHICH,
)
EXPLAIN = told(
    "sessions",
    "Explain a token",
    "Whether it is live, whose it is, and if not, why.",
    success(_EXPLANATION, "what there is to say"),
    (InvalidRequest,),
    body=schemas.json_body({"token": text(schemas.EXAMPLE_TOKEN)}),
)
