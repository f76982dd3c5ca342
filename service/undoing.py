"""What is undone after a failure, as well as it can be. Pure but for its line in the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import ServiceUnavailable
from service.runtime import deadline

log = logging.getLogger(__name__)


@contextmanager
def best_effort(otherwise: str) -> Iterator[None]:
    """Where Redis has gone meanwhile, the failure that is being answered stays the answer, and this is logged."""
    try:
        with deadline.cleanup_allowance():
            yield
    except ServiceUnavailable:
        log.warning(otherwise)
