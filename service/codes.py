"""Use cases: issue a login code, and judge, lend and spend it.

Nothing that is stored opens anything without the pepper: the code is derived from the number and a random nonce, and
what a try is compared with is a keyed digest. Comparing keyed digests takes a time that tells a guesser nothing. Of
several peppers the first makes codes, and all are good for checking.
"""

import hmac
import math
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import getrandbits
from typing import NoReturn, overload

from config import Settings
from service.conversion import ConversionGuard
from service.entities import Clock, LoginMark, PastLogin
from service.errors import InvalidCode, ServiceUnavailable
from service.events import Event, Events
from service.limits import Limits
from service.runtime import deadline
from service.stores.budgets import Budget, Refusal
from service.stores.codes import CodeLease, CodeStore, Ended, Verdict
from service.stores.logins import LoginStore

LONGEST_LIFE = 600.0  # seconds; NIST SP 800-63B-4 section 3.1.3.2: out-of-band secrets are valid for 10 minutes at most
LEAST_LEASE = 3.0  # seconds
Judgement = Verdict | Refusal | PastLogin | None
PAUSES = (0.005, 0.1)  # seconds between two looks at a login that is under way: the first, doubled up to the last


@dataclass(frozen=True, slots=True)
class Code:
    """The digits that are good for a number now, and for how many more seconds."""

    digits: str
    life: float


class Codes:
    """The life of a login code (section 4 of the contract). `service/delivery.py` sends it."""

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
        self._peppers = [hmac.new(pepper, digestmod="sha256") for pepper in settings.code_peppers]
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

    async def issue(self, mobile: str) -> Code:
        """The code that is good for this number, a new one or the one issued before.

        Raises TooManyRequests where wrong tries have ended it.
        """
        nonce = secrets.token_hex(16)
        code = await self._issue(mobile, nonce, afresh=False)
        # One made with another pepper or length is of no use to whom it is sent now.
        return code or await self._issue(mobile, nonce, afresh=True) or self._ended(mobile, self._settings.code_ttl)

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
        lease = self._lease(mobile, marks)
        verdict = None if lease.is_fixed else await self._judged(lease, code, self._limits.logins(ip))
        if verdict is None:  # the address has spent nothing yet, and it seems that it has no attempt left
            await self._limits.spend_login(mobile, ip)
            verdict = await self._judged(lease, code)
        return await self._outcome(verdict, lease, code, ip)

    async def verify_anew(
        self, mobile: str, code: str, ip: str, marks: Sequence[LoginMark], over: PastLogin
    ) -> CodeLease | PastLogin:
        """Judge a try whose address has paid for it: as it turned out, the session of the login `over` has ended."""
        lease = self._lease(mobile, marks)._replace(over=over)
        return await self._outcome(await self._judged(lease, code), lease, code, ip)

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

    def _lease(self, mobile: str, marks: Sequence[LoginMark]) -> CodeLease:
        lease_id = f"{getrandbits(64):016x}"
        if marks:  # before the dot the same for all that repeat this login
            lease_id = f"{marks[0].digest}.{lease_id}"
        if self.is_fixed(mobile):
            return CodeLease(mobile, lease_id if marks else "", marks=tuple(marks), is_fixed=True)
        return CodeLease(mobile, lease_id, self._limits.tries(mobile), tuple(marks))

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

    async def _issue(self, mobile: str, nonce: str, *, afresh: bool) -> Code | None:
        """None where the code that lies there is not one that these settings would send."""
        first = self._peppers[0]
        issued = await self._store.issue(
            mobile,
            nonce,
            self._digest(first, mobile, self._digits(first, mobile, nonce)),
            now=self._clock(),
            life=self._settings.code_ttl,
            longest=LONGEST_LIFE,
            attempts=self._settings.code_attempts,
            afresh=afresh,
        )
        if isinstance(issued, Ended):
            self._ended(mobile, issued.wait)
        for pepper in self._peppers:
            digits = self._digits(pepper, mobile, issued.nonce)
            if hmac.compare_digest(issued.digest.encode(), self._digest(pepper, mobile, digits).encode()):
                return Code(digits, issued.life)
        return None

    def _ended(self, mobile: str, wait: float) -> NoReturn:
        message = "Too many wrong codes for this number. Please wait."
        self._limits.refuse("code_attempts", math.ceil(wait), mobile, message)

    async def _judged(self, lease: CodeLease, code: str, address: tuple[Budget, ...] = ()) -> Judgement:
        try:
            if lease.is_fixed:
                return await self._judge_fixed(lease, code)
            return await self._logins.attempt(
                lease,
                ",".join(self._digest(pepper, lease.mobile, code) for pepper in self._peppers),
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

    def _digits(self, pepper: hmac.HMAC, mobile: str, nonce: str) -> str:
        """CODE_LENGTH digits. 64 bits cut to at most ten digits: no digit is likelier than another by 1 in 10^9."""
        number = int.from_bytes(_mac(pepper, "code", mobile, nonce)[:8], "big")
        return str(number % 10**self._settings.code_length).zfill(self._settings.code_length)

    def _digest(self, pepper: hmac.HMAC, mobile: str, code: str) -> str:
        return _mac(pepper, "digest", mobile, code).hex()


def _mac(pepper: hmac.HMAC, purpose: str, mobile: str, rest: str) -> bytes:
    mac = pepper.copy()
    mac.update(f"{purpose}:{mobile}:{rest}".encode())
    return mac.digest()
