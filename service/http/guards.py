"""What stands in front of a handler: whose token, and whose service key, a request brings."""

import hmac
import re
from base64 import b64decode
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from typing import Any
from urllib.parse import unquote_to_bytes

from sanic import HTTPResponse

from service.entities import Identity
from service.errors import InvalidClient, InvalidRequest, InvalidToken
from service.http.head import RawRequest
from service.http.requests import App, Request, bearer
from service.languages import N_

Handler = Callable[..., Coroutine[Any, Any, HTTPResponse | None]]  # None: it has sent its answer itself

_SCHEMES = re.compile(r"(?:^|, *)(basic|bearer) +", re.IGNORECASE)  # two, where the header came twice
ONE_WAY = N_("The service key should come in one way: Basic, Bearer, or client_secret in the form.")


async def identified(app: App, raw: RawRequest) -> Identity:
    """Whose the live access token is that came. Raises InvalidToken, SessionEnded."""
    token = bearer(raw)
    if token is None:
        raise InvalidToken(sent=False)
    return await app.ctx.authorizations.check(token)


def authenticated(handler: Handler) -> Handler:
    """Call the handler with whose the live access token is. Raises InvalidToken, SessionEnded."""

    @wraps(handler)
    async def checked(request: Request, **path: str) -> HTTPResponse | None:
        return await handler(request, await identified(request.app, request.raw), **path)

    return checked


def changes_state(handler: Handler) -> Handler:
    """Let the handler run to its end though its client hangs up (see `background.py`)."""

    @wraps(handler)
    async def completed(request: Request, **path: str) -> HTTPResponse | None:
        return await request.app.ctx.background.shielded(handler(request, **path))

    return completed


def service_key(raw: RawRequest, in_form: str | None, keys: Sequence[tuple[str, bytes]]) -> str:
    """The name of the service key that was sent (RFC 6749 section 2.3.1); empty where it has none.

    Raises InvalidClient, and InvalidRequest where keys came in several ways.
    """
    schemes = _SCHEMES.findall(raw.head.header(b"authorization"))
    if len(schemes) + (in_form is not None) > 1:
        raise InvalidRequest(message=ONE_WAY)
    scheme = schemes[0].lower() if schemes else ""
    sent = _in_header(raw, scheme) if in_form is None else [in_form.encode(errors="surrogateescape")]
    found = [name for name, key in keys for given in sent if hmac.compare_digest(given, key)]  # with every one
    if not found:
        raise InvalidClient(scheme)
    return found[0]


def _in_header(raw: RawRequest, scheme: str) -> list[bytes]:
    if scheme == "basic":
        return _passwords(raw.head.header(b"authorization")[len(scheme) :].strip())
    token = bearer(raw)
    return [] if token is None else [token.encode(errors="surrogateescape")]


def _passwords(credentials: str) -> list[bytes]:
    """The password of any user: as it stands, and form-decoded, since many clients leave out to encode it."""
    try:
        _, _, password = b64decode(credentials, validate=True).partition(b":")
    except ValueError:
        return []
    return [password, unquote_to_bytes(password.replace(b"+", b" "))]
