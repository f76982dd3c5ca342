"""A guard against SMS pumping: where codes are sent and hardly any is used, sending stops.

Whoever earns by messages to numbers of his own does not log in. https://www.twilio.com/docs/verify/sms-pumping
"""

import logging
import math
from dataclasses import dataclass

from config import Settings
from service.entities import Clock
from service.limits import PREFIX_DIGITS, Limits
from service.runtime.background import settled
from service.stores.budgets import ALL
from service.stores.conversions import Conversion, ConversionStore
from service.stores.users import UserStore

CONVERSION = "conversion"  # the name of its refusals among those of the limits
MINUTE = 60  # seconds, from which to which the counts move on

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Closed:
    """Why strangers get no codes: too few of these were used, of numbers described by `what`."""

    what: str
    conversion: Conversion


class ConversionGuard:
    """Codes used divided by codes sent within an hour, per prefix and overall."""

    def __init__(
        self, settings: Settings, store: ConversionStore, users: UserStore, limits: Limits, clock: Clock
    ) -> None:
        self._least = settings.sms_min_conversion
        self._min_sent = settings.sms_conversion_min_sent
        self._store = store
        self._users = users
        self._limits = limits
        self._clock = clock
        self._minute = 0
        self._warned: set[str] = set()

    async def closed(self, mobile: str) -> Closed | None:
        """Why strangers of this number's prefix get no codes now, or None where they do. Asks nothing of the number.

        When codes as a whole are not used, a prefix goes on only if its own are: an attack on the service must not
        shut out those who do log in.
        """
        if not self._least:
            return None
        now = self._clock()
        own, overall = await settled(self._store.of(mobile[:PREFIX_DIGITS], now), self._store.of(ALL, now))
        if self._is_low(own):
            return Closed(f"prefix {mobile[:PREFIX_DIGITS]}", own)
        if self._is_low(overall) and not (own.used and self._converts(own)):
            return Closed("all numbers", overall)
        return None

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

    async def note_sent(self, mobile: str) -> None:
        """Count a code that was sent."""
        if self._least:
            now = self._clock()
            await settled(*(self._store.add_sent(prefix, now) for prefix in (mobile[:PREFIX_DIGITS], ALL)))

    def note_used(self, mobile: str) -> None:
        """Count a code that is used. It is done soon, and nobody waits for it."""
        if self._least:
            self._store.add_used((mobile[:PREFIX_DIGITS], ALL), self._clock())

    async def settle(self) -> None:
        """Wait until all that was noted is counted."""
        await self._store.settle()

    def _is_low(self, conversion: Conversion) -> bool:
        return conversion.sent >= self._min_sent and not self._converts(conversion)

    def _converts(self, conversion: Conversion) -> bool:
        return conversion.used >= self._least * conversion.sent

    def _warn(self, consequence: str, closed: Closed) -> None:
        """Warn once a minute: an attack must not fill the log."""
        minute = math.floor(self._clock() / MINUTE)
        if minute != self._minute:
            self._minute, self._warned = minute, set()
        if closed.what not in self._warned:
            self._warned.add(closed.what)
            counts = (closed.conversion.sent, closed.conversion.used)
            log.warning("%s, %s: of %d sent within an hour %d were used", consequence, closed.what, *counts)
