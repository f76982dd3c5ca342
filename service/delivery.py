"""Use case: send a code, past all that guards it.

In this order: the address's budget, the captcha, the ranges of numbers, the conversion guard, the other limits. So
what tells something about a number comes after what bounds how often one address may ask.
"""

import logging
import math

from config import Settings
from service import sms_text
from service.captchas import Captcha
from service.code_issuer import Code, CodeIssuer
from service.codes import FIXED_STAYS, NO_NUMBER
from service.conversion import GUARDED, Closed, ConversionGuard
from service.entities import CodeSent, Purpose, User
from service.errors import CaptchaRequired, InvalidRequest, ServiceUnavailable, SmsUnavailable, TooManyRequests
from service.events import TEST_CODE, Event, Events
from service.languages import N_, Filled, Language
from service.limits import Limits, Reservation
from service.messages import TextMessage
from service.runtime import deadline
from service.runtime.background import settled
from service.senders import Sender, takes

NO_MESSAGE = N_("has no message here: codes to %(purpose)s are not sent")

log = logging.getLogger(__name__)


class Delivery:
    """Brings a code to a phone, or says why not."""

    def __init__(
        self,
        settings: Settings,
        issuer: CodeIssuer,
        sender: Sender,
        limits: Limits,
        guard: ConversionGuard,
        captcha: Captcha | None,
        events: Events,
    ) -> None:
        self._may_message = settings.may_message
        self._templates = {
            (purpose, language): sms_text.template(settings, purpose, language)
            for purpose in Purpose
            for language in Language
        }
        self._sent = {one for one in Purpose if any(takes(settings, name, one) for name in settings.sms_sender)}
        self._issuer = issuer
        self._fixed = settings.fixed_codes
        self._sender = sender
        self._limits = limits
        self._guard = guard
        self._captcha = captcha
        self._events = events
        self._is_guarded = settings.captcha_when == GUARDED
        self._code_ttl = settings.code_ttl

    async def send_code(
        self,
        mobile: str,
        ip: str,
        captcha_token: str = "",
        *,
        purpose: Purpose = Purpose.LOGIN,
        caller: User | None = None,
        language: Language = Language.ENGLISH,
    ) -> CodeSent:
        """Send the code that is good for this number and purpose, a new one or the one sent before, in this language.

        `caller` is whose access token came with it, for all purposes but a login. Raises CaptchaRequired,
        InvalidRequest for a number that gets no such codes or a captcha that is not solved, TooManyRequests,
        SmsUnavailable, ServiceUnavailable.
        """
        if caller:
            self._check_purpose(mobile, purpose, caller)
        if mobile not in self._fixed:
            self._guard.note_asked(mobile)
        _, closed = await settled(self._limits.check_address(mobile, ip), self._guard.closed(mobile))
        if self._captcha and (closed or not self._is_guarded):
            await self._verify(self._captcha, mobile, ip, captcha_token, closed)
            closed = None if self._is_guarded else closed  # else a flood of unused codes would shut strangers out
        if mobile in self._fixed:
            return await self._send_nothing(mobile, ip)
        if not self._may_message(mobile):
            raise InvalidRequest({"mobile": N_("is of a range that gets no messages from us")})
        if closed:
            await self._guard.refuse_stranger(closed, mobile, ip)
        reservation = await self._limits.reserve_code(mobile, ip)
        code = await self._issue(reservation, purpose)
        await self._send(reservation, code, purpose, language)
        self._events.record(Event.CODE_SENT, mobile=mobile, reason=purpose if caller else None)
        return CodeSent(mobile, math.floor(code.life), await self._note_sent(reservation))

    def _check_purpose(self, mobile: str, purpose: Purpose, caller: User) -> None:
        """Raise InvalidRequest where the caller may have no code of this purpose sent to this number."""
        if purpose not in self._sent:
            raise InvalidRequest({"purpose": Filled(NO_MESSAGE, purpose=purpose)})
        if caller.mobile is None:
            raise InvalidRequest({"mobile": NO_NUMBER})
        if purpose is Purpose.ERASE and mobile != caller.mobile:
            raise InvalidRequest({"mobile": N_("should be your own number")})
        if purpose is Purpose.CHANGE and (mobile in self._fixed or caller.mobile in self._fixed):
            raise InvalidRequest({"mobile": FIXED_STAYS})

    async def _verify(self, captcha: Captcha, mobile: str, ip: str, token: str, closed: Closed | None) -> None:
        if not token:
            if self._is_guarded and closed:
                self._guard.note_captcha(closed)
            raise CaptchaRequired
        try:
            with deadline.paused():
                await captcha.verify(token, ip)
        except InvalidRequest:
            await self._limits.spend_address(ip, mobile)  # or one address could ask the provider for ever
            raise

    async def _send_nothing(self, mobile: str, ip: str) -> CodeSent:
        """A number of TEST_CODES: its code is known and always good, and asking for it costs the address alone."""
        await self._limits.spend_address(ip, mobile)
        self._events.record(Event.CODE_SENT, mobile=mobile, reason=TEST_CODE)
        return CodeSent(mobile, expires_in=self._code_ttl, resend_after=0)

    async def _issue(self, reservation: Reservation, purpose: Purpose) -> Code:
        try:
            return await self._issuer.issue(reservation.mobile, purpose)
        except Exception:
            await self._limits.undo(reservation)
            raise

    async def _send(self, reservation: Reservation, code: Code, purpose: Purpose, language: Language) -> None:
        """Send the message. Whoever made a provider be asked has spent one of his address, whatever it answers."""
        mobile, minutes = reservation.mobile, sms_text.minutes(code.life)
        text = self._templates[purpose, language].filled(code.digits, minutes)
        try:
            with deadline.paused():
                await self._sender.send(TextMessage(mobile, code.digits, text, minutes, purpose, language))
        except TooManyRequests as refusal:
            await self._limits.refund(reservation)  # the cool-down goes on: nobody makes us ask again at once
            wait = max(refusal.retry_after, math.ceil(reservation.cooldown))
            self._limits.refuse("provider", wait, mobile)
        except SmsUnavailable as error:
            await self._limits.undo_cooldown(reservation)
            if error.definite:
                await self._limits.refund(reservation)
            else:  # it may arrive all the same, and be billed
                await self._note_sent(reservation)
            raise

    async def _note_sent(self, reservation: Reservation) -> int:
        """Count the code, and return the seconds until the next. The message is out: nothing may fail any more."""
        try:
            await self._guard.note_sent(reservation.mobile)
            return await self._limits.confirm_sent(reservation)
        except ServiceUnavailable:
            log.warning("a code that was sent could not be counted")
            return math.ceil(reservation.cooldown)
