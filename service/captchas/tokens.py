"""The token that proves a solved captcha: where it is sent, and what is said of a bad one."""

from service.errors import InvalidRequest
from service.languages import N_

FIELD = "captcha_token"
MISSING = N_("is missing")
TOO_LONG = N_("is too long")
REFUSED = N_("was not accepted; solve the captcha again")


def refused() -> InvalidRequest:
    """For a token that proves nothing, or not any more."""
    return InvalidRequest({FIELD: REFUSED})


def problem(token: str, longest: int) -> str | None:
    """What is wrong with a token that nobody need be asked about, in words for its sender."""
    if not token:
        return MISSING
    if len(token) > longest:
        return TOO_LONG
    return None if token.isascii() else REFUSED
