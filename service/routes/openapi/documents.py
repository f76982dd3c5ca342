"""The OpenAPI description of what apps call. Read by sanic-ext, shown at `/docs`. Others: `backend_documents.py`."""

from sanic_ext.extensions.openapi.definitions import Parameter
from sanic_ext.extensions.openapi.types import String

from service import errors
from service.http.errors import REFRESH_STATUS
from service.routes.openapi import schemas
from service.routes.openapi.operations import operation
from service.routes.openapi.schemas import NOT_JSON, TOO_LARGE, count, nothing, success
from service.routes.openapi.specification import About

ABOUT = About(
    "Latch",
    "Log in with a code sent by SMS; hold an opaque access token and a longer-lived refresh token.",
    {
        "authorizations": "Logging in and out, refreshing, checking tokens.",
        "codes": "The codes that are sent to numbers, and the captcha before them.",
        "users": "The person's own account.",
        "sessions": "The person's own devices.",
        "introspection": "For backends.",
        "health": "For load balancers and monitoring.",
    },
    {
        **dict.fromkeys((schemas.ACCESS, schemas.REFRESH_TOKEN, schemas.SERVICE_KEY), schemas.BEARER),
        schemas.SERVICE_KEY_AS_PASSWORD: {"type": "http", "scheme": "basic"},
    },
    lambda app: app.ctx.settings.public_url,
)

_TYPED = String(pattern=schemas.TYPED_PATTERN)  # type: ignore[no-untyped-call]
_KEEP = String(enum=["current"])  # type: ignore[no-untyped-call]
_AUTHENTICATED = (errors.InvalidToken, errors.SessionEnded, errors.ServiceUnavailable)

LOG_IN = operation(
    "authorizations",
    "Log in",
    "Checks the code, creates the user or updates `last_login`, opens a session. Repeated within 30 seconds with the "
    "same `X-Request-ID`, number and code, while that session lives, it is the same login: the same tokens, no second "
    "session. So an answer that was lost costs no second message.",
    success({**schemas.TOKENS, "is_new_user": {"type": "boolean"}}, "logged in", title="Login"),
    (errors.InvalidRequest, errors.InvalidCode, errors.UserDisabled, errors.TooManyRequests, errors.ServiceUnavailable),
    refused=(TOO_LARGE, NOT_JSON),
    parameter=[
        Parameter("X-Device-Name", str, "header", description=schemas.DEVICE_NAME),
        Parameter("X-Device-Id", str, "header", description=schemas.DEVICE_ID),
        Parameter("X-Request-ID", str, "header", description=schemas.REPEATABLE, example=schemas.EXAMPLE_REQUEST),
    ],
    body=schemas.json_body({"mobile": schemas.TYPED_MOBILE, "code": schemas.CODE}, title="LoginRequest"),
    operation="logIn",
)
REFRESH = operation(
    "authorizations",
    "Refresh",
    "Trades the refresh token in `Authorization` for fresh tokens. No body. A refresh token that was replaced long ago "
    "ends its session (`session_ended`, reason `reused`); whatever else is no live one ends nothing, and is "
    "`invalid_refresh_token`.",
    success(schemas.TOKENS, "refreshed", title="Tokens"),
    (errors.InvalidRefreshToken, errors.SessionEnded, errors.ServiceUnavailable),
    statuses=REFRESH_STATUS,
    refused=(TOO_LARGE,),
    secured=schemas.REFRESH_TOKEN,
    operation="refresh",
)
CHECK = operation(
    "authorizations",
    "Check an access token (forward-auth)",
    "For gateways: nginx `auth_request`, Traefik, Envoy, Caddy. Adds `X-User-Id` and `X-Session-Id`.",
    success(
        {"user_id": schemas.USER_ID, "session_id": schemas.SESSION_ID, "expires_in": count(3500, "seconds")},
        "live",
        title="LiveToken",
    ),
    _AUTHENTICATED,
    secured=schemas.ACCESS,
    operation="checkToken",
)
FORWARD_AUTH = {
    **CHECK,
    "operation": "forwardAuth",
    "summary": "Check an access token, whatever the client asked for (forward-auth)",
    "description": "As `GET /authorizations`, with any method, here and on every address below: for gateways that keep "
    "the client's method and path (Envoy, HAProxy, Traefik). Answered from the head. A preflight needs a token too.",
}
LOG_OUT = operation(
    "authorizations",
    "Log out",
    "Ends the session of an access or a refresh token, both at once. A dead token is fine (RFC 7009).",
    nothing("logged out, or nothing to end"),
    (errors.InvalidToken, errors.ServiceUnavailable),
    refused=(TOO_LARGE,),
    secured=schemas.ACCESS,
    operation="logOut",
)
_SENT = success(
    {
        "mobile": schemas.MOBILE,
        "expires_in": count(300, "seconds for which the code is good"),
        "resend_after": count(60, "seconds until the next code may be asked for"),
    },
    "sent",
    title="SentCode",
)
_NOT_SENT = (
    *(errors.InvalidRequest, errors.CaptchaRequired, errors.Forbidden, errors.TooManyRequests),
    *(errors.SmsUnavailable, errors.ServiceUnavailable),
)
SEND_CODE = operation(
    "codes",
    "Send a code",
    "A resend while the code is good sends the same code and does not reset the count of wrong tries. A code is good "
    "for its `purpose` alone: `login`; `change`, which `PUT /user/mobile` takes from both numbers; `erase`, which goes "
    "to the caller's own number. The last two need the access token.",
    _SENT,
    (*_NOT_SENT, errors.InvalidToken, errors.SessionEnded),
    refused=(TOO_LARGE, NOT_JSON),
    body=schemas.json_body(
        {"mobile": schemas.TYPED_MOBILE, "purpose": schemas.PURPOSE, "captcha_token": schemas.CAPTCHA_TOKEN},
        optional=("purpose", "captcha_token"),
        title="CodeRequest",
    ),
    operation="requestCode",
)
SEND_CODE_GET = operation(
    "codes",
    "Send a login code (as older apps ask)",
    "As `POST /sms/codes` for a login, which keeps the number out of addresses and logs. `forbidden` where a page "
    "of another site makes a browser ask (`Sec-Fetch-Site: cross-site`) and CORS_ORIGINS does not name it.",
    _SENT,
    _NOT_SENT,
    parameter=[
        Parameter("mobile", _TYPED, "path", required=True, example=schemas.EXAMPLE_MOBILE),
        Parameter("captcha_token", str, "query", required=False, description=schemas.SOLVED_CAPTCHA),
    ],
    operation="requestLoginCode",
)
WHO = operation(
    "users",
    "Who am I",
    "The user behind the token, from the database.",
    success(schemas.USER, "the user", title="User"),
    _AUTHENTICATED,
    secured=schemas.ACCESS,
    operation="getUser",
)
LIST_SESSIONS = operation(
    "sessions",
    "List my devices",
    "The live sessions of the caller, the newest login first.",
    success({"sessions": schemas.listed(schemas.SESSION)}, "the sessions", title="Sessions"),
    _AUTHENTICATED,
    secured=schemas.ACCESS,
    operation="listSessions",
)
END_SESSION = operation(
    "sessions",
    "End one of my sessions",
    "Its access and refresh token die at once. Another user's session is not found.",
    nothing("ended"),
    (*_AUTHENTICATED, errors.NotFound),
    refused=(TOO_LARGE,),
    parameter=[Parameter("session_id", str, "path", required=True, example=schemas.EXAMPLE_SESSION)],
    secured=schemas.ACCESS,
    operation="endSession",
)
END_SESSIONS = operation(
    "sessions",
    "End all of my sessions",
    "`?keep=current` spares the caller's own.",
    nothing("ended"),
    (errors.InvalidRequest, *_AUTHENTICATED),
    refused=(TOO_LARGE,),
    parameter=[Parameter("keep", _KEEP, "query", required=False, example="current")],
    secured=schemas.ACCESS,
    operation="endSessions",
)
