"""Use cases: judge a code, of a login or another purpose, lend it and spend it. `code_issuer.py` makes it.

Nothing that is stored opens anything: `code_keys.py` has what codes are made from.
"""

import hmac
from collections.abc import Sequence
from contextlib import suppress
from random import getrandbits
from typing import overload

from config import Settings
from service.code_keys import CodeKeys
from service.conversion import ConversionGuard
from service.entities import Clock, LoginMark, PastLogin, Purpose
from service.errors import InvalidCode, ServiceUnavailable
from service.events import Event, Events
from service.languages import N_
from service.limits import Limits
from service.number_names import NumberNames
from service.runtime import deadline
from service.stores.budgets import Budget, Refusal
from service.stores.code_values import CodeLease, Verdict
from service.stores.codes import CodeStore
from service.stores.logins import LoginStore

LEAST_LEASE = 3.0  # seconds
FIXED_STAYS = N_("is a number of TEST_CODES, which is never changed from or to")
NO_NUMBER = N_("should be changed by support: your account has none that a code could be sent to")
Judgement = Verdict | Refusal | PastLogin | None
PAUSES = (0.005, 0.1)  # seconds between two looks at a login that is under way: the first, doubled up to the last


class Codes:
    """The life of a code (section 4 of the contract). `service/delivery.py` sends it."""

    def __init__(
        self,
        settings: Settings,
        store: CodeStore,
        logins: LoginStore,
        limits: Limits,
        guard: ConversionGuard,
        events: Events,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._keys = CodeKeys(settings.code_peppers, settings.code_length)
        self._names = NumberNames(settings.number_name_key)
        self._fixed = settings.fixed_codes
        self._store = store
        self._logins = logins
        self._limits = limits
        self._guard = guard
        self._events = events
        self._clock = clock
        # How long a login may take before its code can be tried again: more than any login takes, and no longer than
        # a person needs to type a code again whose first login broke down with the process or with Redis.
        self._lease_life = max(LEAST_LEASE, 2 * settings.stores_timeout)

    def is_fixed(self, mobile: str) -> bool:
        """Whether this is a number of TEST_CODES, whose code is known."""
        return mobile in self._fixed

    @overload
    async def verify(self, mobile: str, code: str, ip: str) -> CodeLease: ...
    @overload
    async def verify(self, mobile: str, code: str, ip: str, marks: Sequence[LoginMark]) -> CodeLease | PastLogin: ...
    async def verify(self, mobile: str, code: str, ip: str, marks: Sequence[LoginMark] = ()) -> CodeLease | PastLogin:
        """Judge one try. Raises InvalidCode: wrong, expired, spent, ended and never sent are one and the same.

        Only a try at a code that could be right counts as a wrong one: otherwise anybody could lock a number out
        without as much as asking for a code. Raises TooManyRequests, too. One round trip to Redis, on a Cluster two.
        A login with `marks` may be one that is done already: that is returned, after waiting for it where it is not.
        """
        return await self._verified(self._lease(mobile, marks), code, ip)

    async def verify_anew(
        self, mobile: str, code: str, ip: str, marks: Sequence[LoginMark], over: PastLogin
    ) -> CodeLease | PastLogin:
        """Judge a try whose address has paid for it: as it turned out, the session of the login `over` has ended."""
        lease = self._lease(mobile, marks)._replace(over=over)
        return await self._outcome(await self._judged(lease, code), lease, code, ip)

    async def verify_for(self, purpose: Purpose, mobile: str, code: str, ip: str) -> CodeLease:
        """Judge one try at a code that is no login's, as `verify` does it."""
        lease = self._lease(mobile, ())._replace(purpose=purpose)
        try:
            await self._verified(lease, code, ip)
        except InvalidCode:
            self._events.record(Event.CODE_REFUSED, mobile=mobile, reason=purpose)
            raise
        return lease

    async def spend(self, lease: CodeLease) -> None:
        """Spend a code for good whose lease still holds. One of TEST_CODES is never spent."""
        if lease.lease_id:
            await self._store.spend(lease)
            self.note_spent(lease)

    async def forget(self, mobile: str) -> None:
        """Forget the codes of this number."""
        await self._store.forget(self._names.of(mobile))

    async def release(self, lease: CodeLease) -> bool:
        """Give a code back unspent. False where it was not, or no longer, lent."""
        return bool(lease.lease_id) and await self._store.release(lease)

    def note_spent(self, lease: CodeLease) -> None:
        """Count a code that has been spent."""
        if not self.is_fixed(lease.mobile):
            self._guard.note_used(lease.mobile)

    async def settle(self) -> None:
        """Wait until all that nobody waits for is done."""
        await self._guard.settle()

    async def _verified(self, lease: CodeLease, code: str, ip: str) -> CodeLease | PastLogin:
        verdict = None if lease.is_fixed else await self._judged(lease, code, self._limits.logins(ip))
        if verdict is None:  # the address has spent nothing yet, and it seems that it has no attempt left
            await self._limits.spend_login(lease.mobile, ip)
            verdict = await self._judged(lease, code)
        return await self._outcome(verdict, lease, code, ip)

    def _lease(self, mobile: str, marks: Sequence[LoginMark]) -> CodeLease:
        name, lease_id = self._names.of(mobile), f"{getrandbits(64):016x}"
        if marks:  # before the dot the same for all that repeat this login
            lease_id = f"{marks[0].digest}.{lease_id}"
        if self.is_fixed(mobile):
            return CodeLease(mobile, name, lease_id if marks else "", marks=tuple(marks), is_fixed=True)
        return CodeLease(mobile, name, lease_id, self._limits.tries(name), tuple(marks))

    async def _outcome(self, verdict: Judgement, lease: CodeLease, code: str, ip: str) -> CodeLease | PastLogin:
        pause, longest = PAUSES
        while verdict is Verdict.UNDER_WAY:
            await deadline.sleep(pause)
            pause = min(2 * pause, longest)
            verdict = await self._judged(lease, code)
        if isinstance(verdict, PastLogin):
            return verdict
        if isinstance(verdict, Refusal):
            await self._limits.refuse_try(verdict, lease.mobile, ip)
        if verdict is Verdict.LAST:
            self._events.record(Event.NUMBER_LOCKED, mobile=lease.mobile)
        if verdict is not Verdict.RIGHT:
            raise InvalidCode
        return lease

    async def _judged(self, lease: CodeLease, code: str, address: tuple[Budget, ...] = ()) -> Judgement:
        try:
            if lease.is_fixed:
                return await self._judge_fixed(lease, code)
            return await self._logins.attempt(
                lease,
                self._keys.digests(lease.purpose, lease.mobile, code),
                now=self._clock(),
                life=self._lease_life,
                attempts=self._settings.code_attempts,
                address=address,
            )
        except ServiceUnavailable:  # it may have been lent all the same
            with suppress(ServiceUnavailable), deadline.cleanup_allowance():
                await self.release(lease)
            raise

    async def _judge_fixed(self, lease: CodeLease, code: str) -> Judgement:
        """Nobody can spend or end such a code for another: it is lent so that a login and its repetition are one."""
        if not hmac.compare_digest(code, self._fixed[lease.mobile]):
            return Verdict.NO_ACTIVE_CODE
        return await self._store.lend_fixed(lease, life=self._lease_life) if lease.marks else Verdict.RIGHT
