"""The vocabulary of the OpenAPI document: values with examples, and envelopes. `operations.py` puts them together."""

from collections.abc import Iterable
from typing import Any

from sanic_ext.extensions.openapi.definitions import RequestBody, Response

from service.entities import EndReason, Purpose
from service.http.errors import STATUS

Schema = dict[str, Any]

TOO_LARGE, NOT_JSON = STATUS["payload_too_large"], STATUS["unsupported_media_type"]
ACCESS, REFRESH_TOKEN = "access_token", "refresh_token"
BEARER = {"type": "http", "scheme": "bearer"}
SERVICE_KEY, SERVICE_KEY_AS_PASSWORD = "service_key", "service_key_as_password"

EXAMPLE_MOBILE = "13800138000"
EXAMPLE_REQUEST = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
EXAMPLE_TOKEN = "Yl2yCyu0yeRnoIj0qMyaX0Jq0tXyQmRh4W6mEJdZkq3GfT8sVb1uKxLwNcPzDaHe"  # noqa: S105 - made up
EXAMPLE_REFRESH = "b0Qd7nRkXwVtJ5sPz1cUeGyHmAfLi9o2KxTqWvEjNrBhDgZu3SYp8CMlOa6I4F-_"
EXAMPLE_SESSION = "9f86d081884c7d65"


def record(properties: dict[str, Schema], optional: tuple[str, ...] = (), title: str = "") -> Schema:
    """An object whose properties are all required, but for `optional`. Clients have a type named as `title`."""
    required = [name for name in properties if name not in optional]
    schema: Schema = {"type": "object", "properties": properties}
    return {**schema, **({"required": required} if required else {}), **({"title": title} if title else {})}


def choice(title: str, values: Iterable[str]) -> Schema:
    """One of some texts. Clients have a type named as `title`."""
    return {"type": "string", "enum": [str(value) for value in values], "title": title}


def listed(items: Schema) -> Schema:
    """An array."""
    return {"type": "array", "items": items}


def text(example: str, **more: Any) -> Schema:
    """A string with an example."""
    return {"type": "string", "example": example, **more}


def count(example: int, description: str = "") -> Schema:
    """A number of things or seconds, with an example."""
    described = {"description": description} if description else {}
    return {"type": "integer", "minimum": 0, "example": example, **described}


def nullable(example: str | int) -> Schema:
    """A string or a number, or null."""
    return {"type": "integer" if isinstance(example, int) else "string", "nullable": True, "example": example}


MOBILE = text(EXAMPLE_MOBILE, pattern="^1[3-9][0-9]{9}$")
HELD_MOBILE = {**MOBILE, "nullable": True, "description": "null where somebody else was given it"}
_DROPPED = r"[\s()-]*"
TYPED_PATTERN = (
    rf"^{_DROPPED}([Tt][Ee][Ll]:)?{_DROPPED}((\+|00)?{_DROPPED}8{_DROPPED}6{_DROPPED})?"
    rf"1{_DROPPED}[3-9]({_DROPPED}[0-9]){{9}}{_DROPPED}$"
)
TYPED_MOBILE = text(
    EXAMPLE_MOBILE,
    description="As people paste it. Spaces and line ends, hyphens of every kind, brackets and invisible marks are "
    "dropped, also those that the pattern does not name; so are `tel:` and one `+86`, `0086` or `86`.",
    pattern=TYPED_PATTERN,
)
CODE = text(
    "123456",
    description="As many digits as the server's CODE_LENGTH. Spaces and hyphens of every kind are dropped.",
    pattern=r"^[\s-]*([0-9][\s-]*){6}$",
)
DEVICE_NAME = "shown in the user's list of devices; UTF-8, as it is or percent-encoded"
DEVICE_ID = (
    "an opaque id that the app makes once, when it is installed: 8 to 128 visible ASCII characters; by it a login "
    "from a new device is told, and only a digest of it is kept"
)
REPEATABLE = "an id of the app's own for this login: with 16 to 64 of `A-Za-z0-9._-` it can be repeated"
SOLVED_CAPTCHA = (
    "A solved captcha, good once. Without one the answer is `captcha_required` where the server's CAPTCHA asks for it."
)
CAPTCHA_TOKEN = text("0.Wq3vXb7c-made-up", description=SOLVED_CAPTCHA)
PURPOSE: Schema = {**choice("Purpose", Purpose), "default": Purpose.LOGIN}
SESSION_ID = text(EXAMPLE_SESSION)
USER_ID = {"type": "integer", "minimum": 1, "example": 42}
TIME = text("2026-01-31T12:00:00Z", format="date-time")
TOKEN_TYPE = choice("TokenType", ["Bearer"])
STORE_STATE = choice("StoreState", ["ok", "unavailable"])
END_REASON = choice("EndReason", EndReason)
TOKENS = {
    "token": text(EXAMPLE_TOKEN),
    "refresh_token": text(EXAMPLE_REFRESH),
    "token_type": TOKEN_TYPE,
    "expires_in": count(3500, "seconds"),
    "refresh_expires_in": count(1_209_600, "seconds"),
    "user_id": USER_ID,
    "session_id": SESSION_ID,
}
USER = {"id": USER_ID, "name": text(EXAMPLE_MOBILE), "mobile": HELD_MOBILE, "created_at": TIME, "last_login": TIME}
SESSION = record(
    {
        "id": SESSION_ID,
        "current": {"type": "boolean"},
        "device": text("Ada's phone"),
        "ip": text("203.0.113.7"),
        **dict.fromkeys(("created_at", "refreshed_at", "expires_at"), TIME),
    },
    title="Session",
)


def success(properties: dict[str, Schema], description: str, status: int = 200, title: str = "") -> Response:
    """The envelope of a success. `title`: the type that clients have for `data`."""
    data = record(properties, title=title)
    schema = record({"message": choice("Ok", ["ok"]), "data": data}, title=title and f"{title}Answer")
    return plain(schema, description, status=status)


def plain(schema: Schema, description: str, media_type: str = "application/json", status: int = 200) -> Response:
    """A success without the envelope."""
    return Response({media_type: {"schema": schema}}, status=status, description=description)


def nothing(description: str) -> Response:
    """204."""
    return Response({}, status=204, description=description)


def json_body(properties: dict[str, Schema], optional: tuple[str, ...] = (), title: str = "") -> RequestBody:
    """A JSON object as request body. `title`: the type that clients have for it."""
    return RequestBody({"application/json": {"schema": record(properties, optional, title)}}, required=True)
