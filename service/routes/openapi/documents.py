"""The OpenAPI description of every route. Read by sanic-ext, shown at `/docs`."""

from pathlib import Path
from typing import Any

from sanic_ext.extensions.openapi.definitions import Parameter, Response
from sanic_ext.extensions.openapi.types import String

from service.errors import (
    CaptchaRequired,
    Forbidden,
    InvalidCode,
    InvalidRefreshToken,
    InvalidRequest,
    InvalidToken,
    NotFound,
    ServiceUnavailable,
    SessionEnded,
    SmsUnavailable,
    TooManyRequests,
    UserDisabled,
)
from service.http.errors import REFRESH_STATUS
from service.routes.openapi.schemas import (
    ACCESS,
    CAPTCHA_TOKEN,
    CODE,
    EXAMPLE_MOBILE,
    EXAMPLE_SESSION,
    MOBILE,
    NOT_JSON,
    REFRESH_TOKEN,
    SESSION_ID,
    SOLVED_CAPTCHA,
    TIME,
    TOKENS,
    TOO_LARGE,
    TYPED_MOBILE,
    TYPED_PATTERN,
    USER_ID,
    count,
    failures,
    json_body,
    record,
    refusals,
    success,
    text,
)

PAGE = Path(__file__).parent / "redoc.html"
TITLE = "Latch"
VERSION = "1.0"
DESCRIPTION = """
Log in with a code sent by SMS; hold an opaque access token and a longer-lived refresh token.
A success is `{"message": "ok", "data": {...}}`; a failure is `{"message", "error", "request_id"}`.
""".strip()

_TYPED = String(pattern=TYPED_PATTERN)  # type: ignore[no-untyped-call]
_KEEP = String(enum=["current"])  # type: ignore[no-untyped-call]

LOG_IN: dict[str, Any] = {
    "summary": "Log in",
    "description": "Checks the code, creates the user or updates `last_login`, opens a session.",
    "tag": "authorizations",
    "parameter": [Parameter("X-Device-Name", str, "header", description="shown in the user's list of devices")],
    "body": json_body({"mobile": TYPED_MOBILE, "code": CODE}),
    "response": [
        success({**TOKENS, "is_new_user": {"type": "boolean"}}, "logged in"),
        *failures(InvalidRequest, InvalidCode, UserDisabled, TooManyRequests, ServiceUnavailable),
        *refusals(TOO_LARGE, NOT_JSON),
    ],
}
REFRESH: dict[str, Any] = {
    "summary": "Refresh",
    "description": (
        "Trades the refresh token in `Authorization` for fresh tokens. No body. A refresh token that was replaced long "
        "ago ends its session (`session_ended`, reason `reused`); whatever else is no live one ends nothing, and is "
        "`invalid_refresh_token`."
    ),
    "tag": "authorizations",
    "response": [
        success(TOKENS, "refreshed"),
        *failures(InvalidRefreshToken, SessionEnded, ServiceUnavailable, statuses=REFRESH_STATUS),
        *refusals(TOO_LARGE),
    ],
    "secured": {REFRESH_TOKEN: []},
}
CHECK: dict[str, Any] = {
    "summary": "Check an access token (forward-auth)",
    "description": "For gateways: nginx `auth_request`, Traefik, Envoy, Caddy. Adds `X-User-Id` and `X-Session-Id`.",
    "tag": "authorizations",
    "response": [
        success({"user_id": USER_ID, "session_id": SESSION_ID, "expires_in": count(3500)}, "live"),
        *failures(InvalidToken, SessionEnded, ServiceUnavailable),
    ],
    "secured": {ACCESS: []},
}
FORWARD_AUTH: dict[str, Any] = {
    **CHECK,
    "summary": "Check an access token, whatever the client asked for (forward-auth)",
    "description": "As `GET /authorizations`, with any method, here and on every address below: for gateways that keep "
    "the client's method and path (Envoy, HAProxy, Traefik). Answered from the head. A preflight needs a token too.",
}
LOG_OUT: dict[str, Any] = {
    "summary": "Log out",
    "description": "Ends the session of an access or a refresh token, both at once. A dead token is fine (RFC 7009).",
    "tag": "authorizations",
    "response": [
        Response({}, status=204, description="logged out, or nothing to end"),
        *failures(InvalidToken, ServiceUnavailable),
        *refusals(TOO_LARGE),
    ],
    "secured": {ACCESS: []},
}
_SENT = [
    success(
        {
            "mobile": MOBILE,
            "expires_in": count(300, "seconds for which the code is good"),
            "resend_after": count(60, "seconds until the next code may be asked for"),
        },
        "sent",
    ),
    *failures(InvalidRequest, CaptchaRequired, Forbidden, TooManyRequests, SmsUnavailable, ServiceUnavailable),
]
SEND_CODE: dict[str, Any] = {
    "summary": "Send a login code",
    "description": "A resend while the code is good sends the same code and does not reset the count of wrong tries.",
    "tag": "codes",
    "body": json_body({"mobile": TYPED_MOBILE, "captcha_token": CAPTCHA_TOKEN}, optional=("captcha_token",)),
    "response": [*_SENT, *refusals(TOO_LARGE, NOT_JSON)],
}
SEND_CODE_GET: dict[str, Any] = {
    "summary": "Send a login code (as older apps ask)",
    "description": "As `POST /sms/codes`, which keeps the number out of addresses and logs. `forbidden` where a page "
    "of another site makes a browser ask (`Sec-Fetch-Site: cross-site`) and CORS_ORIGINS does not name it.",
    "tag": "codes",
    "parameter": [
        Parameter("mobile", _TYPED, "path", required=True, example=EXAMPLE_MOBILE),
        Parameter("captcha_token", str, "query", required=False, description=SOLVED_CAPTCHA),
    ],
    "response": _SENT,
}
_CHALLENGE = record(
    {
        "parameters": record(
            {
                "algorithm": text("PBKDF2/SHA-256"),
                "cost": count(5000, "rounds of each try"),
                "keyLength": count(32),
                "keyPrefix": text("00"),
                "nonce": text("3b0d2f8e6c5a49179e1d2c3b4a5f6071"),
                "salt": text("a94f1e02c7d84b6693b5f0e1d2c3b4a5"),
                "expiresAt": count(1_767_225_900, "seconds since the epoch"),
            }
        ),
        "signature": text("5f0c6b1e..."),
    }
)
CAPTCHA: dict[str, Any] = {
    "summary": "A captcha's challenge",
    "description": "Where CAPTCHA is `altcha`: a proof of work (its protocol 2), as altcha's own widget expects it, so "
    "without the envelope. The widget's payload is the `captcha_token` of `/sms/codes`, good once, for five minutes.",
    "tag": "codes",
    "response": [
        Response({"application/json": {"schema": _CHALLENGE}}, status=200, description="a challenge"),
        *failures(NotFound, ServiceUnavailable),
    ],
}
WHO: dict[str, Any] = {
    "summary": "Who am I",
    "tag": "users",
    "response": [
        success(
            {"id": USER_ID, "name": text(EXAMPLE_MOBILE), "mobile": MOBILE, "created_at": TIME, "last_login": TIME},
            "the user",
        ),
        *failures(InvalidToken, SessionEnded, ServiceUnavailable),
    ],
    "secured": {ACCESS: []},
}
_SESSION = record(
    {
        "id": SESSION_ID,
        "current": {"type": "boolean"},
        "device": text("Ada's phone"),
        "ip": text("203.0.113.7"),
        "created_at": TIME,
        "refreshed_at": TIME,
        "expires_at": TIME,
    }
)
LIST_SESSIONS: dict[str, Any] = {
    "summary": "List my devices",
    "description": "The live sessions of the caller, the newest login first.",
    "tag": "sessions",
    "response": [
        success({"sessions": {"type": "array", "items": _SESSION}}, "the sessions"),
        *failures(InvalidToken, SessionEnded, ServiceUnavailable),
    ],
    "secured": {ACCESS: []},
}
END_SESSION: dict[str, Any] = {
    "summary": "End one of my sessions",
    "description": "Its access and refresh token die at once. Another user's session is not found.",
    "tag": "sessions",
    "parameter": [Parameter("session_id", str, "path", required=True, example=EXAMPLE_SESSION)],
    "response": [
        Response({}, status=204, description="ended"),
        *failures(InvalidToken, SessionEnded, NotFound, ServiceUnavailable),
        *refusals(TOO_LARGE),
    ],
    "secured": {ACCESS: []},
}
END_SESSIONS: dict[str, Any] = {
    "summary": "End all of my sessions",
    "description": "`?keep=current` spares the caller's own.",
    "tag": "sessions",
    "parameter": [Parameter("keep", _KEEP, "query", required=False, example="current")],
    "response": [
        Response({}, status=204, description="ended"),
        *failures(InvalidRequest, InvalidToken, SessionEnded, ServiceUnavailable),
        *refusals(TOO_LARGE),
    ],
    "secured": {ACCESS: []},
}
