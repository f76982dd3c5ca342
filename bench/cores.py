"""Which cores the servers and the load get, so that neither takes time from the other where there are two at least."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

Set = frozenset[int]


@dataclass(frozen=True, slots=True)
class Cores:
    """`pair` is for two workers, and `beside` for the load and the stores meanwhile."""

    server: Set
    load: Set
    stores: Set
    pair: Set
    beside: Set

    @property
    def text(self) -> str:
        if len(self.pair) < 2:
            return "one core: server, stores and load generator share it, nothing is pinned, ratios say little"
        stores = "which it shares with" if self.stores == self.load else "beside"
        return f"server pinned to one core, load generator to another, {stores} Redis and PostgreSQL"

    @property
    def apart(self) -> bool:
        """Whether two workers have two cores to themselves."""
        return not self.pair & self.beside


def shared_out(available: Sequence[int]) -> Cores:
    """The first core is the server's, the last the load's; stores get one of their own where there are three."""
    first, rest = frozenset(available[:1]), available[1:] or available
    pair = frozenset(available[:2])
    beyond = frozenset(available[2:]) or pair
    return Cores(first, frozenset(rest[-1:]), frozenset(rest[:1]), pair, beyond)


def available() -> list[int]:
    """The cores that this process may use, or all where the system does not tell (macOS)."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextmanager
def on(cores: Set) -> Iterator[None]:
    """What is started within the block stays on these cores, with all that it starts."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
