"""What was done all the same, where something fails half-way: operators are told it with the failure. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import MobileTaken, ServiceUnavailable


@contextmanager
def noting(what: str) -> Iterator[None]:
    """Add to a failure of the block what was done before it."""
    try:
        yield
    except (MobileTaken, ServiceUnavailable) as error:
        error.add_note(what)
        raise
