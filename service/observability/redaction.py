"""Cuts mobile numbers, tokens and digests out of text, wherever they came from. Pure."""

import re
import string
from typing import Any

from service import mobiles

# What may stand between the digits: what `mobiles` drops, also as addresses, JSON and Python's `repr` escape it (%20,
# %28, \\n, \\x85, \\u200b), and whatever is not ASCII in an address (%E2%80%8B).
_BETWEEN = (
    rf"(?:[{mobiles.MARKS}{mobiles.BRACKETS}]|%(?:[89A-Fa-f][0-9A-Fa-f]|0[9A-Da-d]|2[089Dd]|5[BDbd])"
    r"|\\(?:[nrtvf]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))*+"
)
_DIGITS = rf"1{_BETWEEN}[3-9](?:{_BETWEEN}[0-9]){{9}}"
_MOBILE = re.compile(
    rf"(?:(?<![0-9A-Za-z])|(?<=%[0-9A-Fa-f]{{2}})|(?<=\\[nrtvf])|(?<=\\x[0-9a-f]{{2}})|(?<=\\u[0-9a-f]{{4}}))"
    rf"(?:(?:00)?86{_BETWEEN})?({_DIGITS})(?![0-9A-Za-z])"
)
_TOKEN = re.compile(r"(?:(?<![A-Za-z0-9_-])|(?<=%20)|(?<=\\[nrt]))[A-Za-z0-9_-]{64}(?![A-Za-z0-9_-])")
# What they cannot be without, and what is found much sooner: nearly all lines have neither.
_NUMBER = re.compile(_DIGITS)
_PERHAPS = re.compile(r"1[^0-2A-Za-z.:=/,_][^A-Za-z.:=/,_]{9}")  # unless something in it is escaped
_ESCAPED = re.compile(r"%..|\\(?:x..|u....|U.{8}|.)")
_OF_TOKENS = (string.ascii_letters + string.digits + "_-").encode()
_RUNS = bytes(ord("x") if byte in _OF_TOKENS else ord(" ") for byte in range(256))
_RUN = b"x" * 64


def redact(text: str) -> str:
    """The text with mobile numbers masked and tokens and digests cut out. It may be many lines."""
    if not is_suspicious(text):
        return text
    text = _TOKEN.sub("[redacted]", text)
    return _MOBILE.sub(lambda found: mobiles.mask(re.sub("[^0-9]", "", _ESCAPED.sub("", found[1]))), text)


def is_suspicious(text: str) -> bool:
    """Whether a secret may be in there. Nearly always not, which takes a small part of looking closely."""
    if (_PERHAPS.search(text) or "%" in text or "\\" in text) and _NUMBER.search(text):
        return True
    return _RUN in text.encode(errors="replace").translate(_RUNS)


def redact_value(value: Any) -> Any:
    """The same of strings and numbers in a value that goes into JSON; a number that is a mobile becomes a string."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: redact_value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact_value(inner) for inner in value]
    if isinstance(value, int | float) and redact(str(value)) != str(value):
        return redact(str(value))
    return value
