"""Use cases: send a login code, and judge, lend and spend it.

Nothing that is stored opens anything without the pepper: the code is derived from the number and a random nonce, and
what a try is compared with is a keyed digest. Comparing keyed digests takes a time that tells a guesser nothing.
"""

import hmac
import logging
import math
import secrets
from dataclasses import dataclass

from config import Settings
from service import audit, texts
from service.audit import Event
from service.captchas import Captcha
from service.conversion import ConversionGuard
from service.entities import Clock, CodeSent, TextMessage
from service.errors import InvalidCode, InvalidRequest, ServiceUnavailable, TooManyRequests
from service.limits import Limits, Reservation
from service.senders import Sender
from service.stores.codes import CodeStore, Ended, Issued, Verdict
from service.texts import Template

LONGEST_LIFE = 600.0  # seconds; NIST SP 800-63B-4 section 3.1.3.2: out-of-band secrets are valid for 10 minutes at most
LEAST_LEASE = 10.0  # seconds
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
        captcha: Captcha | None = None,
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
        self._captcha = captcha
        # How long a login may take before its code can be tried again: more than all its time limits together.
        self._lease = max(LEAST_LEASE, 6 * settings.redis_timeout + 2 * settings.database_timeout)

    async def send(self, mobile: str, ip: str, captcha_token: str = "") -> CodeSent:
        """Send the code that is good for this number, a new one or the one sent before.

        Raises InvalidRequest for a number that gets no codes or a captcha that is not solved, TooManyRequests,
        SmsUnavailable, ServiceUnavailable.
        """
        if self._captcha:
            await self._look(mobile, ip)  # a request that is refused anyway does not use its captcha up
            await self._captcha.verify(captcha_token, ip)
        if mobile in self._fixed:
            return await self._send_nothing(mobile, ip)
        await self._refuse_pumping(mobile)
        reservation = await self._limits.reserve_code(mobile, ip)
        issued = await self._issue_for(reservation)
        await self._deliver(reservation, issued)
        audit.record(Event.CODE_SENT, mobile=mobile)
        resend_after = await self._note_sent(reservation)
        return CodeSent(mobile, expires_in=math.floor(issued.life), resend_after=resend_after)

    async def take(self, mobile: str, code: str, ip: str) -> Loan:
        """Judge one try. Raises InvalidCode: wrong, expired, spent, ended and never sent are one and the same.

        Only a try at a code that could be right counts as a wrong one: otherwise anybody could lock a number out
        without as much as asking for a code. Raises TooManyRequests, too.
        """
        if not await self._store.is_open(mobile, self._settings.code_attempts):
            await self._limits.allow_login(mobile, ip)
            raise InvalidCode
        await self._limits.reserve_try(mobile, ip)
        loan = Loan(mobile, secrets.token_hex(8))
        verdict = Verdict.UNJUDGED
        try:
            verdict = await self._judge(loan, code)
        finally:
            if verdict is Verdict.UNJUDGED:
                await self._limits.give_back_try(mobile)
        if verdict is not Verdict.RIGHT:
            raise InvalidCode
        return loan

    async def release(self, loan: Loan) -> None:
        """Give a code back unspent."""
        try:
            await self._store.release(loan.mobile, loan.holder)
        finally:
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

    async def _look(self, mobile: str, ip: str) -> None:
        """Raise what a limit would. Spends nothing."""
        if mobile not in self._fixed:
            await self._refuse_pumping(mobile)
            await self._limits.look_at_code(mobile, ip)

    async def _issue_for(self, reservation: Reservation) -> Issued:
        nonce = secrets.token_hex(16)
        try:
            return await self._issue(reservation.mobile, nonce, self._code(reservation.mobile, nonce))
        except Exception:
            await self._limits.give_back(reservation, address=True, cooldown=True)
            raise

    async def _deliver(self, reservation: Reservation, issued: Issued) -> None:
        """Send the message. Whoever made a provider be asked has spent one of his address, whatever it answers.

        Where the provider says that the number gets too many, its cool-down runs: nobody asks again at once.
        """
        mobile, minutes = reservation.mobile, texts.minutes(issued.life)
        code = self._code(mobile, issued.nonce)
        try:
            await self._sender.send(TextMessage(mobile, code, self._template.filled(code, minutes), minutes))
        except TooManyRequests as refusal:
            await self._limits.give_back(reservation, address=False, cooldown=False)
            wait = max(refusal.retry_after, math.ceil(reservation.cooldown))
            self._limits.refuse("provider", wait, mobile)
        except Exception:
            await self._limits.give_back(reservation, address=False, cooldown=True)
            raise

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
            wait = math.ceil(issued.wait)
            self._limits.refuse("code_attempts", wait, mobile, "Too many wrong codes for this number. Please wait.")
        return issued

    async def _judge(self, loan: Loan, code: str) -> Verdict:
        return await self._store.take(
            loan.mobile,
            self._digest(loan.mobile, code),
            loan.holder,
            now=self._clock(),
            lease=self._lease,
            attempts=self._settings.code_attempts,
        )

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
