"""What a device is called in the user's own list. Pure, but for the parser's tables: a worker loads them beforehand."""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from ua_parser import parse

NAME_LENGTH = 64  # characters kept
LONGEST = 512  # characters of a User-Agent that are looked at
UNKNOWN = "unknown"

_PERCENT_ENCODED = re.compile(r"(?:[\x20-\x24\x26-\x7e]|%[0-9A-Fa-f]{2})*", re.ASCII)
# Letters and emoji are joined by them; other invisible marks turn text around or hide it.
_JOINERS = "\u200c\u200d"
_FLAG_OF_A_REGION = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]+\U000e007f")
_EMOJI = range(0x1F000, 0x1FB00)  # and those to come, which an older Python takes for unassigned
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_REGIONAL = re.compile("[\U0001f1e6-\U0001f1ff]+$")  # two are one flag

# HarmonyOS calls itself OpenHarmony since its fifth version, and what kind of device it runs on; before, Android too.
_HARMONY = re.compile(r"(?:\((Phone|Tablet|PC|2in1|TV|Wearable|Car)\b[^()]*)?(?:Open)?Harmony", re.IGNORECASE)


@lru_cache(maxsize=256)
def name(given: str, user_agent: str) -> str:
    """The name that the app gave (`X-Device-Name`), or else one made readable from `User-Agent`.

    Control characters and undecodable bytes are left out, so that it can be stored and shown anywhere.
    """
    return _cut(readable(given) or _simplified(readable(user_agent)[:LONGEST])) or UNKNOWN


def load() -> None:
    """Load the parser's tables: some tenths of a second, which no login is to wait for. To be called in a thread."""
    parse("")


def readable(given: str) -> str:
    """A header's text that people are to read: decoded, and without what could not be stored and shown anywhere."""
    return printable(_decoded(given))


def _decoded(given: str) -> str:
    """What was percent-encoded, since some clients send ASCII alone (okhttp#1909, iOS); anything else as it came."""
    if "%" in given and _PERCENT_ENCODED.fullmatch(given):
        try:
            return unquote_to_bytes(given).decode()
        except UnicodeDecodeError:
            return given
    return given


@lru_cache(maxsize=1024)
def _simplified(user_agent: str) -> str:
    """`Mobile Safari on iPhone`, `Chrome on Windows`; what the parser does not know, as it stands."""
    found = parse(user_agent)
    browser = found.user_agent.family if found.user_agent else ""
    device = found.device.family if found.device else ""
    place = _harmony(user_agent) or device or (found.os.family if found.os else "")
    if not browser and not place:
        return user_agent
    return f"{browser} on {place}" if browser and place and browser != place else browser or place


def _harmony(user_agent: str) -> str:
    """`HarmonyOS phone`; empty where it is no HarmonyOS. The parser has Chrome, and at times Android, for it."""
    found = _HARMONY.search(user_agent)
    if not found:
        return ""
    kind = found[1] or ""
    return f"HarmonyOS {kind if kind.isupper() else kind.lower()}".strip()


def printable(text: str) -> str:
    """The text without what could not be stored and shown anywhere, and without blanks around it."""
    if text.isascii() and text.isprintable():
        return text.strip()
    readable = text.encode(errors="surrogateescape").decode(errors="replace")
    flags = {place for flag in _FLAG_OF_A_REGION.finditer(readable) for place in range(*flag.span())}
    kept = (letter for place, letter in enumerate(readable) if place in flags or _is_shown(letter))
    return unicodedata.normalize("NFC", "".join(kept)).strip().strip(_JOINERS).strip()


def _is_shown(letter: str) -> bool:
    return letter in _JOINERS or ord(letter) in _EMOJI or not unicodedata.category(letter).startswith("C")


def _cut(text: str) -> str:
    """The first NAME_LENGTH characters, less those of a joined one that would be cut (Unicode's annex 29)."""
    end = NAME_LENGTH
    while 0 < end < len(text) and _is_joined(text[:end], text[end]):
        end -= 1
    return text[:end] or text[:NAME_LENGTH]


def _is_joined(before: str, letter: str) -> bool:
    """Whether this letter belongs to the last one before it: a mark, a skin tone, or a part of an emoji or a flag."""
    if before[-1] == _JOINERS[-1] or letter in _JOINERS or ord(letter) in _SKIN_TONES:
        return True
    if flags := _REGIONAL.match(letter) and _REGIONAL.search(before):
        return len(flags[0]) % 2 == 1
    return unicodedata.category(letter) in {"Mn", "Mc", "Me", "Cf"}
