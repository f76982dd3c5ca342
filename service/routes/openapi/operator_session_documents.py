"""The OpenAPI description of operators' sessions at the console, for owners."""

from sanic_ext.extensions.openapi.definitions import Parameter

from service.errors import NotFound
from service.roles import Role
from service.routes.openapi import schemas
from service.routes.openapi.admin_documents import told
from service.routes.openapi.schemas import count, nothing, record, success, text

_NAME_OF = Parameter("name", str, "path", required=True, example="ada")
_ID_OF = Parameter("session_id", str, "path", required=True, example=schemas.EXAMPLE_SESSION)
_SESSION = record(
    {
        "id": schemas.SESSION_ID,
        "role": schemas.choice("Role", Role),
        "device": text("Firefox on Linux"),
        "ip": text("203.0.113.7"),
        **dict.fromkeys(("created_at", "used_at", "expires_at"), schemas.TIME),
    },
    title="OperatorSession",
)
LIST_SESSIONS = told(
    "operators",
    "List an operator's sessions",
    "The live ones at the console, the newest log-in first; `used_at` is good to the minute. Whoever comes by the "
    "OpenID provider is found, by the address, while there is a session. For owners.",
    success({"sessions": schemas.listed(_SESSION)}, "the sessions", title="OperatorSessions"),
    (NotFound,),
    path=(_NAME_OF,),
    operation="listOperatorSessions",
)
END_SESSIONS = told(
    "operators",
    "End all of an operator's sessions",
    "At the next request. The passkey stays good. For owners.",
    success({"ended": count(2)}, "how many there were", title="Ended"),
    (NotFound,),
    path=(_NAME_OF,),
    operation="endOperatorSessions",
)
END_SESSION = told(
    "operators",
    "End one of an operator's sessions",
    "At the next request. For owners.",
    nothing("ended"),
    (NotFound,),
    path=(_NAME_OF, _ID_OF),
    operation="endOperatorSession",
)
