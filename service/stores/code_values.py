"""What the store of codes takes and returns: a lease, what was issued, and what became of a try."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from service.entities import LoginMark, NumberName, PastLogin, Purpose
from service.stores.budgets import Budget


class CodeLease(NamedTuple):
    """A code, lent to one login until it is spent or released. `lease_id` is no secret, but nobody else's.

    `name` is the number's in Redis. `tries` are the budgets of its wrong tries, those of `owner(name)`: a right code
    has them forgotten.
    Without an id: one of TEST_CODES, which is nobody's and is never spent. `marks` are those of a login that named its
    request, one per key; `over` is the login that it repeats, where that one's session has ended.
    """

    mobile: str
    name: NumberName
    lease_id: str
    tries: tuple[Budget, ...] = ()
    marks: tuple[LoginMark, ...] = ()
    over: PastLogin | None = None
    is_fixed: bool = False
    purpose: Purpose = Purpose.LOGIN


@dataclass(frozen=True, slots=True)
class Issued:
    """The nonce and the digest of the code that is good now, and how long it is, in seconds."""

    nonce: str
    life: float
    digest: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Wrong tries have ended the code; in `wait` seconds a new one can be had."""

    wait: float


class Verdict(IntEnum):
    """What became of a try. NO_ACTIVE_CODE: there was no code to try, or it is ended, or lent to another login.

    LAST: wrong, and for more than a day the number has no further one. UNDER_WAY: the same login, repeated too soon.
    """

    LAST = -2
    WRONG = -1
    NO_ACTIVE_CODE = 0
    RIGHT = 1
    UNDER_WAY = 2


VERDICTS = {verdict.value: verdict for verdict in Verdict}
