"""Names that look like a misspelt setting of ours. Pure: knows neither the environment nor `.env`."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

SHORTEST = 8  # characters; shorter names are like too many others
ALIKE = 0.888  # of difflib's ratio: one wrong letter in nine, two in eighteen
PLURAL = re.compile("(IES|Y|S)$")


def misspelt(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """The names that are no setting of ours, but nearly one: each with the setting that was meant."""
    taken = set(known)
    stems = {_stem(name): name for name in sorted(taken)}  # WEBHOOK_URL and WEBHOOK_URLS have one
    doubtful = sorted({name.upper() for name in names if len(name) >= SHORTEST} - taken)
    found = {name: get_close_matches(_stem(name), stems, n=1, cutoff=ALIKE) for name in doubtful}
    return {name: stems[close[0]] for name, close in found.items() if close}


def _stem(name: str) -> str:
    """Without the end that tells one from many: TRUSTED_PROXY and TRUSTED_PROXIES."""
    return PLURAL.sub("", name)
