"""Mobile numbers of mainland China: their one normal form, and the form that may be logged. Pure."""

import re

NUMBER = re.compile(r"1[3-9][0-9]{9}", re.ASCII)
_DROPPED = re.compile(r"[ -]")


def normalise(text: str) -> str | None:
    r"""The number as 11 ASCII digits, or None if it is not one.

    Spaces, hyphens and one leading `+86` are dropped, so that autofilled numbers work. `fullmatch` and `[0-9]`
    because `$` accepts a trailing newline and `\d` accepts the digits of other scripts.
    """
    digits = _DROPPED.sub("", text).removeprefix("+86")
    return digits if NUMBER.fullmatch(digits) else None


def mask(mobile: str) -> str:
    """`138****8000`: enough for support to recognise a number, not enough to dial it."""
    return f"{mobile[:3]}****{mobile[-4:]}"
