"""Cuts mobile numbers, tokens and digests out of text, wherever they came from. Pure."""

import re
import string
from typing import Any

from service import mobiles

# Also as autofill writes it and as addresses and JSON escape it: +86 138-0013-8000, %2B8613800138000, \\n13800138000.
_MOBILE = re.compile(
    r"(?:(?<![0-9A-Za-z])|(?<=%2B)|(?<=%2b)|(?<=%20)|(?<=\\[nrt]))"
    r"(?:86(?:[ -]|%20)?)?(1[3-9](?:(?:[ -]|%20)?[0-9]){9})(?![0-9A-Za-z])"
)
_TOKEN = re.compile(r"(?:(?<![A-Za-z0-9_-])|(?<=%20)|(?<=\\[nrt]))[A-Za-z0-9_-]{64}(?![A-Za-z0-9_-])")
# What they cannot be without, and what is found much sooner: nearly all lines have neither.
_PERHAPS = re.compile(r"1[3-9][0-9 %-]{9}")
_OF_TOKENS = (string.ascii_letters + string.digits + "_-").encode()
_RUNS = bytes(ord("x") if byte in _OF_TOKENS else ord(" ") for byte in range(256))
_RUN = b"x" * 64


def redact(text: str) -> str:
    """The text with mobile numbers masked and tokens and digests cut out. It may be many lines."""
    if not is_suspicious(text):
        return text
    return "\n".join([_redacted_line(line) if is_suspicious(line) else line for line in text.split("\n")])


def is_suspicious(text: str) -> bool:
    """Whether a secret may be in there. Nearly always not, which takes a small part of looking closely."""
    return bool(_PERHAPS.search(text)) or _RUN in text.encode(errors="replace").translate(_RUNS)


def _redacted_line(line: str) -> str:
    line = _TOKEN.sub("[redacted]", line)
    return _MOBILE.sub(lambda found: mobiles.mask(re.sub("%20|[ -]", "", found[1])), line)


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
