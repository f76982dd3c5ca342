"""What a device is called in the user's own list. Pure, but for the parser's tables, loaded at first use."""

import unicodedata
from functools import lru_cache

from ua_parser import parse

NAME_LENGTH = 64  # characters kept
LONGEST = 512  # characters of a User-Agent that are looked at
UNKNOWN = "unknown"


@lru_cache(maxsize=256)
def name(given: str, user_agent: str) -> str:
    """The name that the app gave (`X-Device-Name`), or else one made readable from `User-Agent`.

    Control characters and undecodable bytes are left out, so that it can be stored and shown anywhere.
    """
    return (_printable(given) or _readable(_printable(user_agent)[:LONGEST]))[:NAME_LENGTH] or UNKNOWN


@lru_cache(maxsize=1024)
def _readable(user_agent: str) -> str:
    """`Mobile Safari on iPhone`, `Chrome on Windows`; what the parser does not know, as it stands."""
    found = parse(user_agent)
    browser = found.user_agent.family if found.user_agent else ""
    device = found.device.family if found.device else ""
    place = device or (found.os.family if found.os else "")
    if not browser and not place:
        return user_agent
    return f"{browser} on {place}" if browser and place and browser != place else browser or place


def _printable(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text.strip()
    readable = text.encode(errors="surrogateescape").decode(errors="replace")
    return "".join(letter for letter in readable if not unicodedata.category(letter).startswith("C")).strip()
