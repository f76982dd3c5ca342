"""What commands print: tables for people, JSON for scripts."""

import sys
from collections.abc import Sequence

import orjson
from rich.cells import cell_len, set_cell_size

DONE, FAILED = 0, 1


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with the columns below each other, also where Chinese and emoji take two cells."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(set_cell_size, row, widths)).rstrip() for row in rows]


def is_confirmed(question: str, *, yes: bool) -> bool:
    """Whether whoever types it says so, or has said so before."""
    if yes:
        return True
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def say(text: str, value: object, *, as_json: bool) -> int:
    """Print the text for people, or the value for scripts. Returns DONE."""
    print(orjson.dumps(value).decode() if as_json else text)
    return DONE
