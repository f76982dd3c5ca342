"""What people may be called: 1 to 64 characters that can be shown in one line. Pure."""

import unicodedata

from service.languages import N_, Filled

LONGEST = 64  # code points, as the table holds them
EXPECTED = Filled(N_("should be 1 to %(longest)s characters to be seen, without control characters"), longest=LONGEST)
# Control characters (NUL, which PostgreSQL does not take, line ends), surrogates, and what no standard gives a shape.
_REFUSED = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
_BIDI = {*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}  # they turn round what stands beside the name
_UNSEEN = {"Cf", "Zs", "Mn", "Me"}  # good between others, but no name by themselves


def normalise(text: str) -> str | None:
    """The name without spaces around it, or None if it is not one."""
    name = text.strip()
    kinds = {unicodedata.category(character) for character in name}
    if not 1 <= len(name) <= LONGEST or kinds & _REFUSED or kinds <= _UNSEEN or _BIDI & set(name):
        return None
    return name
