"""Cuts mobile numbers, tokens, keys and digests out of text, wherever they came from. Pure."""

import re
import string
from typing import Any
from urllib.parse import unquote

from service import mobiles

# What may stand between the digits: what `mobiles` drops, also as addresses, forms, JSON and Python's `repr` escape it
# (%20, %2520, +, \n, \x85, \u200b), once or more often; so may digits be (%31).
_PERCENT, _HEX = r"%(?:25)*+", "[0-9A-Fa-f]"
_BETWEEN = (
    rf"(?:[+{mobiles.MARKS}{mobiles.BRACKETS}]"
    rf"|{_PERCENT}(?:[89A-Fa-f]{_HEX}|0[9A-Da-d]|1[C-Fc-f]|2[089BDbd]|5[BDbd])"
    rf"|\\+(?:[nrtvf]|x{_HEX}{{2}}|u{_HEX}{{4}}|U{_HEX}{{8}}))*+"
)
_DIGIT = rf"(?:{_PERCENT}3)?"
_DIGITS = rf"{_DIGIT}1{_BETWEEN}{_DIGIT}[3-9](?:{_BETWEEN}{_DIGIT}[0-9]){{9}}"
_ESCAPES = (rf"%{_HEX}{{2}}", rf"%25{_HEX}{{2}}", r"\\[nrtvf]", rf"\\x{_HEX}{{2}}", rf"\\u{_HEX}{{4}}")
_BEFORE = "|".join(["(?<![0-9A-Za-z])", *(f"(?<={escape})" for escape in _ESCAPES)])
_MOBILE = re.compile(rf"(?:{_BEFORE})(?:(?:00)?86{_BETWEEN})?({_DIGITS})(?![0-9A-Za-z])")
_TOKEN = re.compile(r"(?:(?<![A-Za-z0-9_-])|(?<=%20)|(?<=\\[nrt]))[A-Za-z0-9_-]{64}(?![A-Za-z0-9_-])")
_KEY = re.compile(r"latch_[A-Za-z0-9_-]{43}")  # of an operator's program
# What they cannot be without, and what is found much sooner: nearly all lines have neither.
_NUMBER = re.compile(_DIGITS)
_PERHAPS = re.compile(r"1[^0-2A-Za-z.:=/,_*][^A-Za-z.:=/,_*]{9}")  # how a number begins, unless it is escaped
_ESCAPED = re.compile(r"\\+(?:x..|u....|U.{8}|.)")
_OF_TOKENS = (string.ascii_letters + string.digits + "_-").encode()
_RUNS = bytes(ord("x") if byte in _OF_TOKENS else ord(" ") for byte in range(256))
_RUN = b"x" * 64


def redact(text: str) -> str:
    """The text with mobile numbers masked and tokens, keys and digests cut out. It may be many lines."""
    if not is_suspicious(text):
        return text
    text = _KEY.sub("[redacted]", _TOKEN.sub("[redacted]", text))
    return _MOBILE.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    written = _ESCAPED.sub("", found[1])
    while "%" in written:
        written = unquote(written)
    return mobiles.mask(re.sub("[^0-9]", "", written))


def is_suspicious(text: str) -> bool:
    """Whether a secret may be in there. Nearly always not, which takes a small part of looking closely."""
    if _has_number(text):
        return True
    if "latch_" in text and _KEY.search(text):
        return True
    return _RUN in text.encode(errors="replace").translate(_RUNS)


def _has_number(text: str) -> bool:
    if "%" in text or "\\" in text:
        return bool(_NUMBER.search(text))
    start = _PERHAPS.search(text)
    while start:
        if _NUMBER.match(text, start.start()):
            return True
        start = _PERHAPS.search(text, start.start() + 1)
    return False


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
