"""A guard against SMS pumping: where codes are sent and hardly any is used, sending stops.

Whoever earns by messages to numbers of his own does not log in. https://www.twilio.com/docs/verify/sms-pumping
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from config import Settings
from service.conversion_rule import Conversion, ConversionRule, HeldBy
from service.entities import Clock
from service.limits import PREFIX_DIGITS, Limits
from service.message_counts import ASKED, SENT, USED
from service.runtime.background import settled
from service.stores.budgets import ALL
from service.stores.conversions import ConversionStore
from service.stores.users import UserStore

CONVERSION = "conversion"  # the name of its refusals among those of the limits
GUARDED = "guarded"  # of CAPTCHA_WHEN: while the guard is closed
MINUTE = 60  # seconds, from which to which the counts move on

Note = Callable[[str, str], None]  # is told a prefix, and what becomes of a code: ASKED, SENT or USED

log = logging.getLogger(__name__)


def unwatched(_prefix: str, _what: str) -> None:
    """Nobody is interested."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Why strangers get no codes: too few of these were used, of numbers described by `what`."""

    what: str
    conversion: Conversion


class ConversionGuard:
    """Codes used divided by codes sent within an hour, per prefix and overall. `note` is told of each code, too."""

    def __init__(
        self,
        settings: Settings,
        store: ConversionStore,
        users: UserStore,
        limits: Limits,
        clock: Clock,
        note: Note = unwatched,
    ) -> None:
        self._rule = rule_of(settings)
        self._note = note
        self._store = store
        self._users = users
        self._limits = limits
        self._clock = clock
        self._minute = 0
        self._warned: set[str] = set()

    async def closed(self, mobile: str) -> Closed | None:
        """Why strangers of this number's prefix get no codes now, or None where they do. Asks nothing of the number."""
        if not self._rule.least:
            return None
        now, prefix = self._clock(), mobile[:PREFIX_DIGITS]
        own, overall = await settled(self._store.of(prefix, now), self._store.of(ALL, now))
        held_by = self._rule.held_by(own, overall)
        if held_by is HeldBy.PREFIX:
            return Closed(f"prefix {prefix}", own)
        return Closed("all numbers", overall) if held_by else None

    async def refuse_stranger(self, closed: Closed, mobile: str, ip: str) -> None:
        """Raise TooManyRequests where the owner of the number has never logged in.

        That tells who has an account, so it costs the address what a code would: who asks may not ask for ever.
        """
        if await self._users.find(mobile) is None:
            self._warn("no more codes to strangers", closed)
            await self._limits.spend_address(ip)
            self._limits.refuse(CONVERSION, MINUTE)  # without the number: its masked form and the prefix tell it whole

    def note_captcha(self, closed: Closed) -> None:
        """Note a code that was not sent for want of a captcha that is asked for only now."""
        self._warn("no more codes without a captcha", closed)
        self._limits.note(CONVERSION)

    def note_asked(self, mobile: str) -> None:
        """Note a code that is asked for; it may be refused."""
        self._note(mobile[:PREFIX_DIGITS], ASKED)

    async def note_sent(self, mobile: str) -> None:
        """Count a code that was sent."""
        prefix = mobile[:PREFIX_DIGITS]
        self._note(prefix, SENT)
        if self._rule.least:
            now = self._clock()
            await settled(*(self._store.add_sent(which, now) for which in (prefix, ALL)))

    def note_used(self, mobile: str) -> None:
        """Count a code that is used. It is done soon, and nobody waits for it."""
        prefix = mobile[:PREFIX_DIGITS]
        self._note(prefix, USED)
        if self._rule.least:
            self._store.add_used((prefix, ALL), self._clock())

    async def settle(self) -> None:
        """Wait until all that was noted is counted."""
        await self._store.settle()

    def _warn(self, consequence: str, closed: Closed) -> None:
        """Warn once a minute: an attack must not fill the log."""
        minute = math.floor(self._clock() / MINUTE)
        if minute != self._minute:
            self._minute, self._warned = minute, set()
        if closed.what not in self._warned:
            self._warned.add(closed.what)
            counts = (closed.conversion.sent, closed.conversion.used)
            log.warning("%s, %s: of %d sent within an hour %d were used", consequence, closed.what, *counts)


def rule_of(settings: Settings) -> ConversionRule:
    """The rule that SMS_MIN_CONVERSION and SMS_CONVERSION_MIN_SENT make."""
    return ConversionRule(settings.sms_min_conversion, settings.sms_conversion_min_sent)
