"""Mobile numbers of mainland China: their one normal form, and the form that may be logged. Pure."""

import re

from service.languages import N_

NUMBER = re.compile(r"1[3-9][0-9]{9}", re.ASCII)
# What people paste between digits, as ranges of a regular expression: spaces and line ends (Unicode's Z and `\s`),
# invisible marks (Cf), which chats and address books put around numbers, and hyphens (Pd) with the minus sign.
MARKS = (
    r"\s\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    r"\u180e\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0001\U000e0020-\U000e007f"
    r"\-\u2212\u058a\u05be\u1400\u1806\u2010-\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0\ufe31\ufe32"
    r"\ufe58\ufe63\uff0d\U00010d6e\U00010ead"
)
BRACKETS = r"()\[\]{}\uff08\uff09\uff3b\uff3d\uff5b\uff5d\ufe59-\ufe5e\u3008-\u3011\u3014-\u301b"
_MARKS = re.compile(f"[{MARKS}]+")
_BRACKETS = re.compile(f"[{BRACKETS}]+")
_TYPED = re.compile(r"(?:tel:)?(?:[+\uff0b]86|0086|86)?(1[3-9][0-9]{9})", re.ASCII | re.IGNORECASE)


EXPECTED = N_("should be a mobile number: 1, then 3 to 9, then nine more digits")


def normalise(text: str) -> str | None:
    r"""The number as 11 ASCII digits, or None if it is not one.

    Taken as people paste it: MARKS, BRACKETS, `tel:` and one country code of China (`+86`, `0086`, `86`) are dropped.
    `fullmatch` and `[0-9]` because `$` accepts a trailing newline and `\d` accepts the digits of other scripts.
    """
    if NUMBER.fullmatch(text):
        return text
    typed = _TYPED.fullmatch(_BRACKETS.sub("", without_marks(text)))
    return typed[1] if typed else None


def without_marks(text: str) -> str:
    """The text without spaces, hyphens and invisible marks."""
    return _MARKS.sub("", text)


def hidden(text: str, mobile: str | None) -> str:
    """The text, but for the mask of the number alone where that is in it."""
    return mask(mobile) if mobile and mobile in without_marks(text) else text


def mask(mobile: str) -> str:
    """`138****8000`: enough for support to recognise a number, not enough to dial it."""
    return f"{mobile[:3]}****{mobile[-4:]}"
