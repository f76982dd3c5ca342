"""What is remembered of what passed on the wire. Pure values; of tokens there are digests alone.

Times are seconds since the run was handed out.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a request asks for; `WORK` is asked of the rehearsal's backend, all else of Latch."""

    CODE = "code"
    LOGIN = "login"
    REFRESH = "refresh"
    LOG_OUT = "log-out"
    WORK = "work"
    OTHER = "other"


class Deed(StrEnum):
    """What happens to a session, or to its access token, while a run goes on."""

    TOKEN_DELETED = "the access token is deleted"  # noqa: S105 - what happens to one
    TIME_PASSES = "two minutes pass"
    REVOKED = "the session is revoked"
    REPLACED = "the session is replaced by one of another device"
    SESSION_DELETED = "the session's key is deleted"
    LIST_DELETED = "the key of the user's sessions is deleted"


ENDINGS = frozenset({Deed.REVOKED, Deed.REPLACED, Deed.SESSION_DELETED, Deed.LIST_DELETED})


class Said(NamedTuple):
    """What stood in an answer: its status, and `error` and `reason` if it is one of ours. Status 0: no answer."""

    status: int = 0
    error: str = ""
    reason: str = ""


class Happening(NamedTuple):
    """A deed, and the session that it was done to."""

    at: float
    deed: Deed
    session: str


class Exchange(NamedTuple):
    """One request and what became of it.

    `token` is the digest of the one that was sent, `session` the one it is of, each empty where there is none that is
    known. `own_id` is the digest of a login's X-Request-ID. `latch` is what Latch has answered, `told` what the client
    has got whole, at `told_at`, and `is_latchs` tells whether that is Latch's own answer; `opened` is the session whose
    tokens Latch has handed out.
    """

    at: float
    kind: Kind
    token: str = ""
    session: str = ""
    own_id: str = ""
    network: str = ""
    latch: Said = Said()
    told: Said = Said()
    told_at: float = 0.0
    is_latchs: bool = False
    opened: str = ""

    @property
    def got_tokens(self) -> bool:
        """Whether the client holds what Latch has handed out."""
        return self.is_latchs and bool(self.opened)


class Record(NamedTuple):
    """All that passed in one run. `at_once` and `rounds` are what the driver was asked for; 0 rounds: nobody knows."""

    exchanges: Sequence[Exchange]
    happenings: Sequence[Happening]
    rounds: int
    at_once: int
    clock_jumps: bool = False
    is_done: bool = True
    overflowed: bool = False
