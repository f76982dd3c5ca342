"""Programs of the system that some tests need, and what becomes of those tests where they are not installed.

A newcomer without root cannot install them: their absence is told, with what is not tested for it, and fails nothing.
In CI `.ci/programs` and `.ci/gateways.lock` bring all of them.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

SYSTEM = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin:/usr/bin:/usr/local/bin"


def program(*names: str) -> str | None:
    """Where the first of these is: beside our Python, on the path, or where systems have their servers."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}:{SYSTEM}"
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def needs(name: str, untested: str, *others: str) -> pytest.MarkDecorator:
    """The mark of tests that need it, or one of the others."""
    return skip_without(name, untested, is_there=program(name, *others) is not None)


def skip_without(name: str, untested: str, *, is_there: bool) -> pytest.MarkDecorator:
    """The mark of tests that need something else that is not Python's."""
    # Not a failure: root, or npm with the internet, brings it. CI has it.
    return pytest.mark.skipif(not is_there, reason=_told(name, untested))


def found(name: str, untested: str) -> str:
    """Where it is. Skips the test that asks where it is not."""
    path = program(name)
    if path is None:
        pytest.skip(_told(name, untested))
    return path


def _told(name: str, untested: str) -> str:
    return f"{name} is not installed, and so NOT tested: {untested}"
