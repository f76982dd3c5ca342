"""Codes in Redis: one hash per number and purpose. Holds no code, only what one was made from.

`code:{<number's name>}` is that of a login, `code:{<number's name>}:change` and `:erase` are the others.

A code of TEST_CODES lies nowhere; `code:{<number's name>}:<name>` holds a lease of one, for a login that named its
request.
Each method is one script, so that of any number of tries at once exactly as many are judged as are allowed.
"""

import math
from collections.abc import Sequence

from service.entities import NumberName, PastLogin, Purpose
from service.runtime.background import settled
from service.stores import login_records
from service.stores.budgets import Budget, Refusal, Window
from service.stores.code_values import VERDICTS, CodeLease, Ended, Issued, Verdict
from service.stores.redis.connection import Connection, milliseconds
from service.stores.redis.scripts import Script, ScriptCall

LONGEST_LIFE = 600.0  # seconds; NIST SP 800-63B-4 section 3.1.3.2: out-of-band secrets are valid for 10 minutes at most
LEAST_LIFE = 60.0  # seconds; a code with less left is not worth sending again
ISSUE = Script("issue_code", repeatable=True)
VERIFY = Script("verify_code", repeatable=False)  # a wrong try that is repeated would count twice
RELEASE = Script("release_code", repeatable=True)
LEND_FIXED = Script("lend_fixed_code", repeatable=False)  # the second run would find it lent
CONSUME = Script("consume_code", repeatable=False)  # the second run could not tell "spent by me" from "gone"
CONSUME_AND_RECORD = Script("consume_code", repeatable=True)  # here it can, by the record


class CodeStore:
    """Issues, judges, lends and spends codes. Times are in seconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def issue(
        self,
        name: NumberName,
        nonce: str,
        digest: str,
        *,
        now: float,
        life: float,
        attempts: int,
        afresh: bool = False,
        purpose: Purpose = Purpose.LOGIN,
    ) -> Issued | Ended:
        """The code that is good for this number: the one sent before, or a new one from `nonce`, always if `afresh`.

        Either way the tries at it have been counted since the first.
        """
        times = [milliseconds(seconds) for seconds in (now, life, LONGEST_LIFE)]
        least = milliseconds(min(LEAST_LIFE, life / 2))
        arguments: list[str | int] = [nonce, digest, *times, attempts, least, int(afresh)]
        good, found, left, of = await self._connection.run(ISSUE, [_code_key(name, purpose)], arguments)
        return Issued(_text(found), left / 1000, _text(of)) if good else Ended(left / 1000)

    async def verify(
        self,
        lease: CodeLease,
        digest: str,
        *,
        now: float,
        life: float,
        attempts: int,
        after: Sequence[ScriptCall] = (),
    ) -> Verdict | Refusal | PastLogin | None:
        """Judge one try; if it is right and nobody else holds the code, lend it: `lease` holds for `life` seconds.

        `digest` is that of the try, or several with commas between, one of which must be the code's. A wrong try spends
        one of each of the budgets `lease.tries`; where one of them has no room nothing is judged, and the one with the
        longest wait is returned. None if a script in `after` stopped the chain. What is done already is no try: the
        login that this one repeats is returned.
        """
        tries = lease.tries
        arguments: list[str | int] = [digest, attempts, lease.lease_id, milliseconds(now), milliseconds(life)]
        arguments += _known_by(lease)
        for budget in tries:
            for window in budget.windows:
                arguments += (window.amount, window.seconds)
        places = [*_places(lease), *_records(lease)]
        answers = await self._connection.run_chain([*after, (VERIFY, places, arguments)])
        if len(answers) <= len(after):
            return None
        answer = answers[-1]
        if isinstance(answer, bytes):
            return login_records.load(answer) or Verdict.NO_ACTIVE_CODE
        if not isinstance(answer, int):
            return _refusal(tries, *answer)
        if answer <= Verdict.LAST:
            return Verdict.LAST if _window(tries, -1 - answer).is_long else Verdict.WRONG
        return VERDICTS[answer]

    async def lend_fixed(self, lease: CodeLease, *, life: float) -> Verdict | PastLogin:
        """Lend a code of TEST_CODES, as `verify` does it, to one of those logins that have the same marks."""
        arguments: list[str | int] = [lease.lease_id, milliseconds(life), *_known_by(lease)]
        answer = await self._connection.run(LEND_FIXED, [_key(lease), *_records(lease)], arguments)
        if isinstance(answer, bytes):
            return login_records.load(answer) or Verdict.NO_ACTIVE_CODE
        return VERDICTS[answer]

    async def release(self, lease: CodeLease) -> bool:
        """Give the code back unspent."""
        return bool(await self._connection.run(RELEASE, [_key(lease)], [lease.lease_id]))

    async def spend(self, lease: CodeLease) -> bool:
        """Delete the code and its number's wrong tries. False where the lease has run out."""
        return bool(await self._connection.run(*self.spending(lease)))

    async def forget(self, name: NumberName) -> int:
        """Delete the codes of all purposes, whoever holds them. Returns how many there were."""
        return int(sum(await settled(*map(self._connection.delete, key_names(name)))))

    async def count(self, name: NumberName) -> int:
        """How many codes there are, of all purposes. Changes nothing."""
        return int(await self._connection.read("EXISTS", *key_names(name)))

    def spending(self, lease: CodeLease, past: PastLogin | None = None) -> ScriptCall:
        """What deletes the code and its number's wrong tries. It returns 0 where the lease has run out.

        The same step records the login, if it can be repeated.
        """
        if past is None:
            return CONSUME, _places(lease), [lease.lease_id]
        arguments: list[str | int] = [lease.lease_id, login_records.dump(past), milliseconds(login_records.LIFE)]
        return CONSUME_AND_RECORD, [*_places(lease), _records(lease)[0]], arguments


def owner(name: NumberName) -> str:
    """Whom the budgets of a number belong to: on a Cluster they lie in the slot of its code."""
    return f"{{{name}}}"


def key_names(name: NumberName) -> list[str]:
    """Where the codes of a number lie, those of each purpose."""
    return [_code_key(name, purpose) for purpose in Purpose]


def _code_key(name: NumberName, purpose: Purpose) -> str:
    code = f"code:{owner(name)}"
    return code if purpose is Purpose.LOGIN else f"{code}:{purpose}"


def _key(lease: CodeLease) -> str:
    """Where it stands who holds the code."""
    return f"code:{owner(lease.name)}:{lease.marks[0].name}" if lease.is_fixed else _code_key(lease.name, lease.purpose)


def _places(lease: CodeLease) -> list[str]:
    """Where the code of a number lies, and where the wrong tries of `owner(name)` are counted."""
    return [_key(lease), *(key for budget in lease.tries for key in budget.keys)]


def _records(lease: CodeLease) -> list[str]:
    """Where the login may lie that this one repeats."""
    return [login_records.key(owner(lease.name), mark) for mark in lease.marks]


def _known_by(lease: CodeLease) -> Sequence[str]:
    """The digests of a login, with commas between, and the record of one that is over."""
    return ",".join(mark.digest for mark in lease.marks), login_records.dump(lease.over) if lease.over else ""


def _text(value: bytes) -> str:
    return value.decode(errors="replace")  # an operator's: it is no nonce and no digest of ours, and is made anew


def _refusal(tries: Sequence[Budget], number: int, wait: int) -> Refusal:
    """Rounded up and past the moment itself: what is exactly as old as its window still counts."""
    names = [budget.name for budget in tries for _ in budget.windows]
    return Refusal(names[number - 1], math.floor(wait / 1000) + 1, _window(tries, number).is_long)


def _window(tries: Sequence[Budget], number: int) -> Window:
    """The window that the script calls by this number."""
    return [window for budget in tries for window in budget.windows][number - 1]
