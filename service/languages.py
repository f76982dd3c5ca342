"""The languages that people are spoken to in: which one a client wants, and what a sentence is in it. Pure.

English stands in the code. What it is in another language stands in `locales/<language>/LC_MESSAGES/latch.po`, and is
read from `latch.mo` beside it, which `make locales` makes. A constant is marked with `N_` and translated where it is
used: `_(CONSTANT)`. One with values in it is a `Filled`.
"""

import re
from contextvars import ContextVar
from enum import StrEnum
from gettext import NullTranslations, translation
from pathlib import Path
from typing import Self

LOCALES = Path(__file__).parent / "locales"
DOMAIN = "latch"
LONGEST = 1024  # characters of an Accept-Language that is looked at; browsers send less than a hundred

_RANGE = re.compile(r"([a-z]{1,8}(?:-[a-z0-9]{1,8})*|\*)(?:\s*;\s*q=(0(?:\.[0-9]*)?|1(?:\.0*)?))?", re.ASCII)


class Language(StrEnum):
    """What there is, as `DEFAULT_LANGUAGE`, `lang` and `Content-Language` name it (RFC 5646)."""

    ENGLISH = "en"
    CHINESE = "zh-CN"


LANGUAGE: ContextVar[Language] = ContextVar("language", default=Language.ENGLISH)  # of the request under way

_BY_TAG = {str(language): language for language in Language}
_BY_FIRST_SUBTAG = {tag.partition("-")[0]: language for tag, language in _BY_TAG.items()}


def translations(language: Language, folder: Path = LOCALES) -> NullTranslations:
    """The texts of a language. Raises OSError where they are not there."""
    if language is Language.ENGLISH:
        return NullTranslations()
    return translation(DOMAIN, folder, [language.replace("-", "_")])


CATALOGUES = {language: translations(language) for language in Language}


def chosen(accept_language: str, preferred: str | None, default: Language) -> Language:
    """The language that somebody has `preferred`, or else the one that an Accept-Language asks for, or the default.

    By weight (RFC 9110 section 12.5.4) and lookup (RFC 4647 section 3.4): a range is shortened until it names a
    language that is there. All Chinese is one. What is refused with a weight of 0 is taken only where nothing else is
    left; what cannot be read is passed over, and so is the whole header where it is longer than LONGEST.
    """
    if preferred in _BY_TAG:
        return _BY_TAG[preferred]
    ranges = _ranges(accept_language)
    refused = {language for name, weight in ranges if not weight for language in Language if _covers(name, language)}
    wanted = (_BY_FIRST_SUBTAG.get(name.partition("-")[0]) for name, weight in ranges if weight)
    candidates = [*filter(None, wanted), default, *Language]
    return next((language for language in candidates if language not in refused), default)


def _ranges(header: str) -> list[tuple[str, float]]:
    """Language ranges in lower case with their weights, the most wanted first."""
    if len(header) > LONGEST:
        return []
    parts = header.lower().replace("_", "-").split(",")  # Java's Locale.toString() writes zh_CN
    found = (_RANGE.fullmatch(part.strip()) for part in parts)
    return sorted(((part[1], float(part[2] or 1)) for part in found if part), key=lambda weighted: -weighted[1])


def _covers(name: str, language: Language) -> bool:
    """Basic filtering (RFC 4647 section 3.3.1): `zh` covers zh-CN, and zh-TW does not."""
    return f"{language.lower()}-".startswith(f"{name}-")


class Filled(str):
    """A sentence in English with its values filled in, which still knows what it was made of: `translated` asks it.

    So whoever raises an error knows the sentence alone, and not who will read it.
    """

    __slots__ = ("pattern", "values")

    pattern: str
    values: dict[str, object]

    def __new__(cls, pattern: str, **values: object) -> Self:
        """Of a text that was marked, with `%(name)s` for each value."""
        filled = super().__new__(cls, pattern % values)
        filled.pattern, filled.values = pattern, values
        return filled


def translated(text: str, language: Language) -> str:
    """Return a sentence in a language. One that the catalogue has not stays as it is."""
    catalogue = CATALOGUES[language]
    if isinstance(text, Filled):
        return catalogue.gettext(text.pattern) % text.values
    return catalogue.gettext(text) if text else ""  # a catalogue's own head is filed under ""


def gettext(message: str) -> str:
    """Return a sentence in the language of the request."""
    return translated(message, LANGUAGE.get())


def ngettext(singular: str, plural: str, number: int) -> str:
    """Return the sentence for so many things."""
    return CATALOGUES[LANGUAGE.get()].ngettext(singular, plural, number)


def pgettext(context: str, message: str) -> str:
    """Return what a word that means several things is in this context."""
    return CATALOGUES[LANGUAGE.get()].pgettext(context, message)


def npgettext(context: str, singular: str, plural: str, number: int) -> str:
    """Return the same for so many things."""
    return CATALOGUES[LANGUAGE.get()].npgettext(context, singular, plural, number)


def N_(message: str) -> str:  # noqa: N802 - the name that gettext's tools look for
    """Mark a constant as a text, and return it as it is."""
    return message


_ = gettext
