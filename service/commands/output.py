"""What commands print: tables for people, JSON for scripts; and what they ask."""

import sys
from collections.abc import Sequence

import orjson
from rich.cells import cell_len, set_cell_size

from config import Settings
from service import mobiles
from service.entities import User
from service.errors import ServiceUnavailable
from service.stores import outages

DONE, FAILED = 0, 1


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with the columns below each other, also where Chinese and emoji take two cells."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(set_cell_size, row, widths)).rstrip() for row in rows]


def say(text: str, value: object, *, as_json: bool) -> int:
    """Print the text for people, or the value for scripts. Returns DONE."""
    print(orjson.dumps(value).decode() if as_json else text)
    return DONE


def say_outage(settings: Settings, error: ServiceUnavailable) -> None:
    """Print on standard error which store does not serve and why, and what was done before it went."""
    print(outages.sentence(settings, error), *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)


def named(user_id: int, user: User | None) -> str:
    """A user, as commands call one; None: whoever has no row any more."""
    if user is None:
        return f"user {user_id}, who is in the database no more"
    return f"user {user_id}, {mobiles.mask(user.mobile) if user.mobile else 'who has no number'}"


def is_confirmed(question: str, *, yes: bool) -> bool:
    """Whether the answer on standard input is yes. Asks on standard error, and not at all where `yes` was typed."""
    if yes:
        return True
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
