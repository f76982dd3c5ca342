"""The cookies of the console. With `__Host-` they are this host's alone, and no page of a neighbour can plant one."""

from sanic import HTTPResponse

from service.http.console import COOKIE

OPENID = "__Host-latch-openid"
LONGEST = 8 * 3600  # seconds; Redis knows better whether a session lives
OPENID_LIFE = 600  # seconds for a log-in at the provider


def set_session(response: HTTPResponse, value: str) -> HTTPResponse:
    """Hand a session over: sent with what comes from our own pages alone, and hidden from scripts."""
    return _set(response, COOKIE, value, max_age=LONGEST, samesite="Strict")


def set_openid(response: HTTPResponse, value: str) -> HTTPResponse:
    """Remember which log-in was begun, over the way to the provider and back."""
    return _set(response, OPENID, value, max_age=OPENID_LIFE, samesite="Lax")


def ended(response: HTTPResponse, name: str = COOKIE) -> HTTPResponse:
    """Take a cookie away again."""
    return _set(response, name, "", max_age=0, samesite="Strict")


def _set(response: HTTPResponse, name: str, value: str, *, max_age: int, samesite: str) -> HTTPResponse:
    response.add_cookie(name, value, path="/", max_age=max_age, samesite=samesite, secure=True, httponly=True)  # type: ignore[arg-type]
    return response
