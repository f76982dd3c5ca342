"""Ask whoever types a command whether it is meant."""

import sys


def is_confirmed(question: str, *, yes: bool) -> bool:
    """Whether to go on: `yes` was said beforehand, or is the answer."""
    if yes:
        return True
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
