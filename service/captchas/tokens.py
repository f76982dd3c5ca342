"""The token that proves a solved captcha: where it is sent, and what is said of a bad one."""

from service.errors import InvalidRequest

FIELD = "captcha_token"
MISSING = "is missing"
TOO_LONG = "is too long"
REFUSED = "was not accepted; solve the captcha again"


def refused() -> InvalidRequest:
    """For a token that proves nothing, or not any more."""
    return InvalidRequest({FIELD: REFUSED})
