"""The OpenAPI description of what operators call, on the private listener. Read by sanic-ext, shown at its `/docs`."""

from typing import Any

from sanic_ext.extensions.openapi.definitions import Parameter, RequestBody, Response

from service.entities import By, UserStatus
from service.errors import Forbidden, InvalidKey, InvalidRequest, NotFound, ServiceError, ServiceUnavailable
from service.http.operators import REASON
from service.routes.openapi import schemas
from service.routes.openapi.operations import operation
from service.routes.openapi.schemas import NOT_JSON, TOO_LARGE, count, nothing, record, success, text
from service.routes.openapi.specification import About

KEY = "key"
ABOUT = About(
    "Latch, for operators",
    """
People, their sessions, and who may look and act here. A key comes as `Authorization: Bearer`; `X-Reason`
(percent-encoded UTF-8) stands in the audit trail beside its name, and is due where it is said to be required. Roles:
`look` reads and explains, `act` does the rest, `owner` sees to operators and keys. Numbers, and names that hold their
user's number, are masked.
Whatever asks for another host than that of CONSOLE_URL is 421.
""".strip(),
    {
        "now": "Who is online, and what works.",
        "messages": "What becomes of messages and codes.",
        "people": "Finding, changing, erasing and exporting people.",
        "sessions": "People's devices, and tokens.",
        "webhooks": "Receivers of events, and what they have not taken.",
        "revocations": "Ending many sessions.",
        "events": "The audit trail.",
        "operators": "Who may look and act here, and from where they are logged in.",
        "keys": "What programs may look and act here.",
        "health": "For monitoring.",
    },
    {KEY: schemas.BEARER},
    lambda app: app.ctx.settings.console_address,
)

_ALWAYS = (InvalidKey, Forbidden, ServiceUnavailable)
USER_ID = Parameter("user_id", int, "path", required=True, example=42)
_STATUS = schemas.choice("UserStatus", UserStatus)
USER = {
    "id": schemas.USER_ID,
    "name": text("138****8000"),
    "mobile": {**schemas.nullable("138****8000"), "description": "masked; null where somebody else was given it"},
    "status": _STATUS,
    "created_at": schemas.TIME,
    "last_login": schemas.TIME,
    "sessions": count(2, "live ones"),
}
SESSION = record(
    {name: schema for name, schema in schemas.SESSION["properties"].items() if name != "current"}, title="Session"
)


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
    **own: Any,
) -> dict[str, Any]:
    """An operation of the private listener: what all of them have in common, and what is its own.

    `reason_due`: it is not done without one, as `ctx_reason` of its route says; InvalidRequest is among its errors.
    `operation`: what clients call it; where it is missing it is made of the summary.
    """
    refused = (TOO_LARGE, NOT_JSON) if body else (TOO_LARGE,)
    reason = Parameter(REASON, str, "header", required=reason_due, description="why; for the audit trail")
    more: dict[str, Any] = {"parameter": [*path, reason], **own, **({"body": body} if body else {})}
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
            "by": schemas.choice("By", By),
            "users": schemas.listed(record(USER, title="Person")),
            "next": schemas.nullable("41"),
            "explained": {**record(_EXPLANATION, title="Explanation"), "nullable": True},
        },
        "fifty at most",
        title="People",
    ),
    (InvalidRequest,),
    body=schemas.json_body(
        {"q": text("13800138000"), "cursor": text("41", description="the `next` of an answer")},
        optional=("q", "cursor"),
        title="Search",
    ),
    operation="findPeople",
)
LOOK = told(
    "people",
    "Look at a person",
    "Name and number masked.",
    success(USER, "the user", title="Person"),
    (NotFound,),
    path=(USER_ID,),
    operation="getPerson",
)
CHANGE = told(
    "people",
    "Rename, disable or enable",
    "`disabled` lets the user log in no more, and ends every session.",
    success(USER, "the user", title="Person"),
    (InvalidRequest, NotFound),
    path=(USER_ID,),
    body=schemas.json_body(
        {"name": text("Ada", minLength=1, maxLength=64), "status": _STATUS}, ("name", "status"), "PersonChange"
    ),
    operation="changePerson",
)
REVEAL = told(
    "people",
    "Reveal name and number",
    "Whole; the audit trail has it.",
    success({"name": text("13800138000"), "mobile": schemas.HELD_MOBILE}, "name and number", title="Revealed"),
    (NotFound,),
    path=(USER_ID,),
    operation="revealPerson",
)
UNLOCK = told(
    "people",
    "Unlock a number",
    "Forgets its wrong tries, codes and cool-down; nothing of a person who has no number.",
    success(USER, "the user", title="Person"),
    (NotFound,),
    path=(USER_ID,),
    operation="unlockNumber",
)
LIST_SESSIONS = told(
    "sessions",
    "List a person's devices",
    "The live sessions, the newest login first; also of an id that the database does not know any more.",
    success({"sessions": schemas.listed(SESSION)}, "the sessions", title="Sessions"),
    (NotFound,),
    path=(USER_ID,),
    operation="listSessions",
)
END_SESSIONS = told(
    "sessions",
    "End all of a person's sessions",
    "Also of an id that the database does not know any more.",
    success({"ended": count(2)}, "how many were live", title="Ended"),
    (NotFound,),
    path=(USER_ID,),
    operation="endSessions",
)
END_SESSION = told(
    "sessions",
    "End one session",
    "Its access and refresh token die at once.",
    nothing("ended"),
    (NotFound,),
    path=(USER_ID, Parameter("session_id", str, "path", required=True, example=schemas.EXAMPLE_SESSION)),
    operation="endSession",
)
EXPLAIN = told(
    "sessions",
    "Explain a token",
    "Whether it is live, whose it is, and if not, why.",
    success(_EXPLANATION, "what there is to say", title="Explanation"),
    (InvalidRequest,),
    body=schemas.json_body({"token": text(schemas.EXAMPLE_TOKEN)}, title="TokenToExplain"),
    operation="explainToken",
)
