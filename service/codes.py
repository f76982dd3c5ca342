"""Use cases: send a login code, and judge, lend and spend it.

Nothing that is stored opens anything without the pepper: the code is derived from the number and a random nonce, and
what a try is compared with is a keyed digest. Comparing keyed digests takes a time that tells a guesser nothing.
"""

import hmac
import logging
import math
import secrets
from contextlib import suppress
from dataclasses import dataclass

from config import Settings
from service import audit, deadline, texts
from service.audit import Event
from service.conversion import ConversionGuard
from service.entities import Clock, CodeSent, TextMessage
from service.errors import InvalidCode, InvalidRequest, ServiceUnavailable, SmsUnavailable, TooManyRequests
from service.limits import Limits, Reservation
from service.senders import Sender
from service.stores.codes import CodeStore, Ended, Issued, Verdict
from service.texts import Template

LONGEST_LIFE = 600.0  # seconds; NIST SP 800-63B-4 section 3.1.3.2: out-of-band secrets are valid for 10 minutes at most
LEAST_LEASE = 3.0  # seconds
FIXED = "fixed"  # stands for the nonce of a code that is not derived

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loan:
    """A right code, lent to one login until it is spent or released."""

    mobile: str
    holder: str


class Codes:
    """The life of a login code (section 4 of the contract)."""

    def __init__(
        self,
        settings: Settings,
        store: CodeStore,
        sender: Sender,
        limits: Limits,
        guard: ConversionGuard,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._pepper = settings.code_pepper.get_secret_value().encode()
        self._fixed = settings.fixed_codes
        self._template = Template(settings.sms_text, settings.sms_domain, settings.sms_app_hash)
        self._store = store
        self._sender = sender
        self._limits = limits
        self._guard = guard
        self._clock = clock
        # How long a login may take before its code can be tried again: more than any login takes, and no longer than
        # a person needs to type a code again whose first login broke down with the process or with Redis.
        self._lease = max(LEAST_LEASE, 2 * settings.stores_timeout)

    async def look(self, mobile: str, ip: str) -> None:
        """Raise what a limit would make of `send`. Spends nothing."""
        if mobile not in self._fixed:
            await self._refuse_pumping(mobile)
            await self._limits.look_at_code(mobile, ip)

    async def send(self, mobile: str, ip: str) -> CodeSent:
        """Send the code that is good for this number, a new one or the one sent before.

        Raises InvalidRequest for a number that gets no codes, TooManyRequests, SmsUnavailable, ServiceUnavailable.
        """
        if mobile in self._fixed:
            return await self._send_nothing(mobile, ip)
        await self._refuse_pumping(mobile)
        reservation = await self._limits.reserve_code(mobile, ip)
        try:
            issued = await self._send(mobile)
        except Exception as error:
            with deadline.tidying():
                await self._limits.give_back(reservation, asked=isinstance(error, SmsUnavailable))
            raise
        audit.record(Event.CODE_SENT, mobile=mobile)
        resend_after = await self._note_sent(reservation)
        return CodeSent(mobile, expires_in=math.floor(issued.life), resend_after=resend_after)

    async def take(self, mobile: str, code: str, ip: str) -> Loan:
        """Judge one try. Raises InvalidCode: wrong, expired, spent, ended and never sent are one and the same.

        Only a try at a code that could be right counts as a wrong one: otherwise anybody could lock a number out
        without as much as asking for a code. Raises TooManyRequests, too.
        """
        await self._limits.reserve_try(mobile, ip)
        loan = Loan(mobile, secrets.token_hex(8))
        verdict = await self._judge(loan, code)
        if verdict is Verdict.UNJUDGED:
            await self._limits.give_back_try(mobile)
        if verdict is not Verdict.RIGHT:
            raise InvalidCode
        return loan

    async def _judge(self, loan: Loan, code: str) -> Verdict:
        try:
            return await self._store.take(
                loan.mobile,
                self._digest(loan.mobile, code),
                loan.holder,
                now=self._clock(),
                lease=self._lease,
                attempts=self._settings.code_attempts,
            )
        except ServiceUnavailable:
            with suppress(ServiceUnavailable), deadline.tidying():  # it may have been lent, and the answer lost
                await self._store.release(loan.mobile, loan.holder)
            raise

    async def release(self, loan: Loan) -> None:
        """Give a code back unspent."""
        await self._store.release(loan.mobile, loan.holder)
        await self._limits.give_back_try(loan.mobile)

    async def spend(self, loan: Loan) -> bool:
        """Spend a code. False where the loan has run out."""
        spent = await self._store.spend(loan.mobile, loan.holder)
        if spent:
            await self._note_used(loan.mobile)
        return spent

    async def _refuse_pumping(self, mobile: str) -> None:
        allowed, blocked = self._settings.sms_allow_prefixes, self._settings.sms_block_prefixes
        if (allowed and not mobile.startswith(allowed)) or mobile.startswith(blocked):
            raise InvalidRequest({"mobile": "is of a range that gets no messages from us"})
        await self._guard.check(mobile)

    async def _send(self, mobile: str) -> Issued:
        nonce = secrets.token_hex(16)
        issued = await self._issue(mobile, nonce, self._code(mobile, nonce))
        code, minutes = self._code(mobile, issued.nonce), texts.minutes(issued.life)
        with deadline.stopped():
            await self._sender.send(TextMessage(mobile, code, self._template.filled(code, minutes), minutes))
        return issued

    async def _send_nothing(self, mobile: str, ip: str) -> CodeSent:
        """A number of TEST_CODES: its code is known, so nobody is told it."""
        await self._limits.ask_for_test_code(mobile, ip)
        issued = await self._issue(mobile, FIXED, self._fixed[mobile])
        if issued.nonce != FIXED:  # sent before the number was listed
            await self._store.forget(mobile)
            issued = await self._issue(mobile, FIXED, self._fixed[mobile])
        audit.record(Event.CODE_SENT, mobile=mobile, reason="test_code")
        return CodeSent(mobile, expires_in=math.floor(issued.life), resend_after=0)

    async def _issue(self, mobile: str, nonce: str, code: str) -> Issued:
        issued = await self._store.issue(
            mobile,
            nonce,
            self._digest(mobile, code),
            now=self._clock(),
            life=self._settings.code_ttl,
            longest=LONGEST_LIFE,
            attempts=self._settings.code_attempts,
        )
        if isinstance(issued, Ended):
            audit.record(Event.LIMIT_HIT, mobile=mobile, reason="code_attempts")
            raise TooManyRequests(math.ceil(issued.wait), "Too many wrong codes for this number. Please wait.")
        return issued

    async def _note_sent(self, reservation: Reservation) -> int:
        """Count the code, and answer the seconds until the next. The message is out: nothing may fail any more."""
        try:
            await self._guard.note_sent(reservation.mobile)
            return await self._limits.resend_after(reservation)
        except ServiceUnavailable:
            log.warning("a code that was sent could not be counted")
            return math.ceil(reservation.cooldown)

    async def _note_used(self, mobile: str) -> None:
        """The login has succeeded: what it leaves behind must not undo it."""
        try:
            await self._limits.forget_tries(mobile)
            if mobile not in self._fixed:
                await self._guard.note_used(mobile)
        except ServiceUnavailable:
            log.warning("the wrong tries of a number that has logged in could not be forgotten")

    def _code(self, mobile: str, nonce: str) -> str:
        """CODE_LENGTH digits. 64 bits cut to at most ten digits: no digit is likelier than another by 1 in 10^9."""
        number = int.from_bytes(self._hmac("code", mobile, nonce)[:8], "big")
        return str(number % 10**self._settings.code_length).zfill(self._settings.code_length)

    def _digest(self, mobile: str, code: str) -> str:
        return self._hmac("digest", mobile, code).hex()

    def _hmac(self, purpose: str, mobile: str, rest: str) -> bytes:
        return hmac.digest(self._pepper, f"{purpose}:{mobile}:{rest}".encode(), "sha256")
