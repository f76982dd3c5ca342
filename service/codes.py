"""Use cases: send a login code, and judge, lend and spend it.

Nothing that is stored opens anything without the pepper: the code is derived from the number and a random nonce, and
what a try is compared with is a keyed digest. Comparing keyed digests takes a time that tells a guesser nothing.
"""

import hmac
import math
import secrets
from dataclasses import dataclass

from config import Settings
from service import audit, texts
from service.audit import Event
from service.entities import Clock, CodeSent, TextMessage
from service.errors import InvalidCode, TooManyRequests
from service.senders import Sender
from service.stores.codes import CodeStore, Ended
from service.texts import Template

LONGEST_LIFE = 600.0  # seconds; NIST SP 800-63B-4 section 3.1.3.2: out-of-band secrets are valid for 10 minutes at most
LEAST_LEASE = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Loan:
    """A right code, lent to one login until it is spent or released."""

    mobile: str
    holder: str


class Codes:
    """The life of a login code (section 4 of the contract)."""

    def __init__(self, settings: Settings, store: CodeStore, sender: Sender, clock: Clock) -> None:
        self._settings = settings
        self._pepper = settings.code_pepper.get_secret_value().encode()
        self._store = store
        self._sender = sender
        self._clock = clock
        self._template = Template(settings.sms_text, settings.sms_domain, settings.sms_app_hash)
        # How long a login may take before its code can be tried again: more than all its time limits together.
        self._lease = max(LEAST_LEASE, 4 * settings.redis_timeout + 2 * settings.database_timeout)

    async def send(self, mobile: str) -> CodeSent:
        """Send the code that is good for this number, a new one or the one sent before.

        Raises TooManyRequests while a code lies ended by wrong tries or where the carrier spares the phone,
        SmsUnavailable, ServiceUnavailable.
        """
        settings = self._settings
        nonce = secrets.token_hex(16)
        issued = await self._store.issue(
            mobile,
            nonce,
            self._digest(mobile, self._code(mobile, nonce)),
            now=self._clock(),
            life=settings.code_ttl,
            longest=LONGEST_LIFE,
            attempts=settings.code_attempts,
        )
        if isinstance(issued, Ended):
            raise TooManyRequests(math.ceil(issued.wait), "Too many wrong codes for this number. Please wait.")
        code = self._code(mobile, issued.nonce)
        minutes = texts.minutes(issued.life)
        await self._sender.send(TextMessage(mobile, code, self._template.filled(code, minutes), minutes))
        audit.record(Event.CODE_SENT, mobile=mobile)
        return CodeSent(mobile, expires_in=math.floor(issued.life), resend_after=0)

    async def take(self, mobile: str, code: str) -> Loan:
        """Judge one try. Raises InvalidCode: wrong, expired, spent, ended and never sent are one and the same."""
        loan = Loan(mobile, secrets.token_hex(8))
        right = await self._store.take(
            mobile,
            self._digest(mobile, code),
            loan.holder,
            now=self._clock(),
            lease=self._lease,
            attempts=self._settings.code_attempts,
        )
        if not right:
            raise InvalidCode
        return loan

    async def release(self, loan: Loan) -> None:
        """Give a code back unspent."""
        await self._store.release(loan.mobile, loan.holder)

    async def spend(self, loan: Loan) -> bool:
        """Spend a code. False where the loan has run out."""
        return await self._store.spend(loan.mobile, loan.holder)

    def _code(self, mobile: str, nonce: str) -> str:
        """CODE_LENGTH digits. 64 bits cut to at most ten digits: no digit is likelier than another by 1 in 10^9."""
        number = int.from_bytes(self._hmac("code", mobile, nonce)[:8], "big")
        return str(number % 10**self._settings.code_length).zfill(self._settings.code_length)

    def _digest(self, mobile: str, code: str) -> str:
        return self._hmac("digest", mobile, code).hex()

    def _hmac(self, purpose: str, mobile: str, rest: str) -> bytes:
        return hmac.digest(self._pepper, f"{purpose}:{mobile}:{rest}".encode(), "sha256")
